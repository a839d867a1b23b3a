"""The control of grokking: without weight decay, what is learned by heart stays learned by heart."""

from engine.presets.grokking_modular import PRESET as GROKKING
from engine.registry import Preset

PRESET = Preset(
    title="No grokking without weight decay",
    finding=("FILL"),
    source=GROKKING.source,
    settings=GROKKING.settings | {"weight_decay": 0.0},
)
