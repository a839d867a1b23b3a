"""The control of grokking: without weight decay, what is learned by heart stays learned by heart."""

from engine.base.language import _
from engine.presets.grokking_modular import PRESET as GROKKING
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("No grokking without weight decay"),
    finding=_(
        "The same training pairs are known by heart as soon as before, but of the test pairs models of 128 units "
        "get every one wrong to the end: the wider, the fewer are right."
    ),
    source=GROKKING.source,
    settings=GROKKING.settings | {"weight_decay": 0.0},
)
