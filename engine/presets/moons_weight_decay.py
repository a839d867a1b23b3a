"""The control of overfitting on two moons: weight decay 2 keeps wide models from the wrong labels."""

from engine.presets.moons_overfitting import PRESET as OVERFITTING
from engine.registry import Preset

PRESET = Preset(
    title="No overfitting with strong weight decay",
    finding=("FILL"),
    source=OVERFITTING.source,
    settings=OVERFITTING.settings | {"weight_decay": 2.0},
)
