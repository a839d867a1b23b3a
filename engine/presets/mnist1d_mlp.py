"""The table of the MNIST-1D paper, its linear model and its MLP: no depth makes up for not knowing that shapes move."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Linear model and MLPs on MNIST-1D"),
    finding=_(
        "A linear model (depth 0) is wrong on 69 % of test signals, two hidden layers of 100 units on 35 %, and a "
        "third helps little: shapes that move are hard for a network that does not know that they do."
    ),
    source=_("Greydanus & Kobak, arXiv:2011.14439, table 1: linear 32 %, two hidden layers of 100 units 68 %."),
    settings={
        "dataset": "mnist1d",
        "arch": "mlp",
        "width": 100,
        "depth": (0, 1, 2, 3),
        "dataset_size": 4000,
        "optimizer": "adamw",
        "lr": 0.01,
        "batch_size": 100,
        "steps": 6000,
        "seed": tuple(range(5)),
    },
)
