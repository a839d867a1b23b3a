"""The control of epoch-wise double descent: where all features are equally fast, error falls once."""

from engine.base.language import _
from engine.presets.epoch_double_descent import PRESET as TWO_SCALES
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("No double descent with features of one scale"),
    finding=_(
        "The same data with every feature standardised: test error falls to 0.057 by step 370 and settles at "
        "0.074, fitted to the noise; there is no second descent."
    ),
    source=TWO_SCALES.source,
    settings=TWO_SCALES.settings | {"standardize": "each"},
)
