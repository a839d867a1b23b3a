"""Sample-wise double descent: more examples hurt where there are about as many as weights."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Double descent over training examples"),
    finding=_(
        "With 120 examples, as many as the model has weights, test error is five times what it is with 80, and "
        "over a hundred times what it is with 1,000: more data first hurt, then help."
    ),
    source=_("Nakkiran 2019, arXiv:1912.07242: more data can hurt for linear regression."),
    settings={
        "dataset": "two-scale",
        "slow_scale": 1.0,
        "target_noise": 1.0,
        "arch": "mlp",
        "depth": 0,
        "init": "normal",
        "init_std": 0.0,
        "dataset_size": (30, 50, 80, 100, 110, 120, 130, 140, 160, 200, 300, 600, 1000),
        "optimizer": "sgd",
        "momentum": 0.0,
        "lr": 0.05,
        "batch_size": 1000,
        "steps": 20_000,
        "seed": tuple(range(5)),
    },
)
