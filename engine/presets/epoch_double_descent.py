"""Epoch-wise double descent, exactly solvable: a linear model overfits fast features before it learns slow ones."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Double descent over training time"),
    finding=_(
        "Test error falls to 0.44 within 40 steps, while the fast features are learned, climbs to 0.58 at step "
        "400, as they are fitted to noise and to what the slow ones would explain, then falls to 0.075 as these "
        "are learned."
    ),
    source=_("Pezeshki et al. 2021, arXiv:2112.03215: fast and slow features of a linear teacher."),
    settings={
        "dataset": "two-scale",
        "slow_scale": 0.1,
        "target_noise": 0.3,
        "arch": "mlp",
        "depth": 0,
        "init": "normal",
        "init_std": 0.0,
        "dataset_size": 150,
        "optimizer": "sgd",
        "momentum": 0.0,
        "lr": 0.05,
        "batch_size": 150,
        "steps": 20_000,
        "seed": tuple(range(10)),
    },
)
