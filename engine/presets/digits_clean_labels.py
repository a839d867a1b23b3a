"""The control of the opening sweep: without wrong labels the peak is gone."""

from engine.base.language import _
from engine.presets.digits_double_descent import PRESET as OPENING
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("No double descent with clean labels"),
    finding=_("The opening sweep without wrong labels: test error falls with width and levels off, without a peak."),
    source=OPENING.source,
    settings=OPENING.settings | {"label_noise": 0.0},
)
