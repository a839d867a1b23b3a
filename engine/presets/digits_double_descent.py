"""Model-wise double descent of a trained MLP on noisy digits: the opening sweep."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Double descent on digits"),
    finding=_(
        "Test error falls, rises to a peak where the model can just fit every noisy training label, "
        "then falls again as models grow. Without label noise there is no peak."
    ),
    source=_("Nakkiran et al. 2019, arXiv:1912.02292; setting found for scikit-learn's digits."),
    settings={
        "dataset": "digits",
        "arch": "mlp",
        "width": (4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512),
        "depth": 1,
        "dataset_size": 1000,
        "label_noise": 0.2,
        "optimizer": "adamw",
        "lr": 0.005,
        "batch_size": 256,
        "steps": 3000,
        "seed": (0, 1, 2),
    },
)
