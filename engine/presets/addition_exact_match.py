"""A jump that the metric exaggerates: whole sums come suddenly, their digits less so, and the loss falls too."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Whole sums are suddenly right, and the loss falls too"),
    finding=_(
        "Of sums of two four-digit numbers, 5 % are wholly right with 32 units and 82 % with 256. Error of a "
        "digit falls from 34 % to 4 % and the loss from 0.89 to 0.11, steeper than before too: the metric "
        "exaggerates this jump but does not make it."
    ),
    source=_("Schaeffer et al. 2023, arXiv:2304.15004; setting found for sums of two four-digit numbers."),
    settings={
        "dataset": "addition",
        "digits": 4,
        "answer": "sum",
        "arch": "mlp",
        "width": (2, 4, 8, 16, 32, 64, 128, 256),
        "depth": 1,
        "dataset_size": 20_000,
        "optimizer": "adamw",
        "lr": 0.005,
        "batch_size": 128,
        "steps": 2000,
        "seed": tuple(range(5)),
    },
)
