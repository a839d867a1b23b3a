"""The other control of the opening sweep: strong weight decay keeps models from fitting the wrong labels."""

from engine.base.language import _
from engine.presets.digits_double_descent import PRESET as OPENING
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("No double descent with strong weight decay"),
    finding=_(
        "The opening sweep with weight decay 1: where the peak stood, test error is at its lowest. "
        "It rises a little for the widest models, which begin to fit the wrong labels again."
    ),
    source=_("Nakkiran et al. 2020, arXiv:2003.01897: tuned regularization mitigates double descent."),
    settings=OPENING.settings | {"weight_decay": 1.0},
)
