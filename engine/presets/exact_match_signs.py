"""A jump that the metric makes: all of 20 answers right at once, where the loss falls evenly with size."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("It is the metric: 20 answers, all of them right"),
    finding=_(
        "All 20 answers are right for 16 % of test examples with 4 units and for 65 % with 32, suddenly: with one unit "
        "it is 4 %. But the loss of the same runs goes from 0.47 to 0.22, 0.056 and 0.025, by one power law "
        "above a floor throughout: the jump is the metric's doing."
    ),
    source=_("Schaeffer et al. 2023, arXiv:2304.15004; setting found for the signs of a random network's 20 outputs."),
    settings={
        "dataset": "teacher-student",
        "dimension": 3,
        "signs": 20,
        "arch": "mlp",
        "width": (1, 2, 4, 8, 16, 32, 64, 128, 256),
        "depth": 1,
        "dataset_size": 20_000,
        "optimizer": "adamw",
        "lr": 0.01,
        "schedule": "cosine",
        "batch_size": 128,
        "steps": 5000,
        "seed": tuple(range(10)),
    },
)
