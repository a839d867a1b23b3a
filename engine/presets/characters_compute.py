"""The best size for a budget of compute: small language models at three budgets, each with a minimum of its own."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Compute-optimal sizes of character models"),
    finding=_(
        "At each of three budgets the loss has a minimum in size: about 8,400 parameters at 1e9 FLOPs, 21,000 at "
        "4e9, 50,000 at 1.6e10. So the best size grows as compute to the power 0.65 (0.62 to 0.69), the loss "
        "there falls from 2.77 to 2.36 nats. Runs of under 80 steps, width 64 and more at 1e9, are too short to "
        "be near their best."
    ),
    source=_(
        "Hoffmann et al. 2022, arXiv:2203.15556, approach 2; setting found for Python's standard library as text."
    ),
    settings={
        "dataset": "characters",
        "context": 8,
        "arch": "mlp",
        "width": (4, 8, 12, 16, 24, 32, 48, 64, 96, 128),
        "depth": 1,
        "dataset_size": 200_000,
        "optimizer": "adamw",
        "lr": 0.02,
        "beta2": 0.98,
        "schedule": "cosine",
        "batch_size": 64,
        "budget": (1e9, 4e9, 1.6e10),
        "seed": tuple(range(3)),
    },
)
