"""A sudden jump with size: transformers of a few more units suddenly add three-digit numbers."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Transformers learn to add"),
    finding=_(
        "With 6 units a transformer gets half of the digits of a sum wrong, with 12 one in twelve, with 24 one in 250: "
        "the error falls off a cliff within a factor of four of width, for training and test examples alike."
    ),
    source=_("Setting found for digits as tokens; for jumps with size see Wei et al., arXiv:2206.07682."),
    settings={
        "dataset": "addition",
        "digits": 3,
        "arch": "transformer",
        "width": (4, 6, 8, 12, 16, 24, 32, 48),
        "depth": 2,
        "dataset_size": 10_000,
        "optimizer": "adamw",
        "lr": 0.005,
        "batch_size": 128,
        "steps": 3000,
        "seed": tuple(range(5)),
    },
)
