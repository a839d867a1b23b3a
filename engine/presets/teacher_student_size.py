"""A power law in the number of parameters: students of a random network on more data than they can use up."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("A power law in size: teacher and student"),
    finding=_(
        "Test loss falls from 0.086 with 4 units a layer to 0.0007 with 64, over two decades of parameters "
        "about as 1/N."
    ),
    source=_("Sharma & Kaplan, arXiv:2004.10802; setting found for a teacher of two layers in four dimensions."),
    settings={
        "dataset": "teacher-student",
        "dimension": 4,
        "arch": "mlp",
        "width": (4, 6, 8, 12, 16, 24, 32, 48, 64),
        "depth": 2,
        "dataset_size": 20_000,
        "optimizer": "adamw",
        "lr": 0.01,
        "schedule": "cosine",
        "batch_size": 256,
        "steps": 5000,
        "seed": tuple(range(5)),
    },
)
