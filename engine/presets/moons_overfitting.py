"""The classic U: with wrong labels, more units first help and then hurt; weight decay mends it."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Overfitting on two moons"),
    finding=_(
        "With 100 points of which 20 % are labelled wrong, test error is lowest at a middling width "
        "and rises as wider models memorise the wrong labels. Set weight decay to 2 and the rise is gone."
    ),
    source=_("Setting found for two moons with Gaussian noise 0.15."),
    settings={
        "dataset": "moons",
        "arch": "mlp",
        "width": (1, 2, 4, 8, 16, 32, 64, 128),
        "depth": 1,
        "dataset_size": 100,
        "label_noise": 0.2,
        "optimizer": "adamw",
        "lr": 0.02,
        "batch_size": 100,
        "steps": 2000,
        "seed": tuple(range(10)),
    },
)
