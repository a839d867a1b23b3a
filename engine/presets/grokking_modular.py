"""Grokking: addition modulo 53 is learned by heart within some fifty steps, and understood some thousand later."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Grokking modular addition"),
    finding=_(
        "With 128 units every training pair is known by heart after some 55 steps, when no test pair is right "
        "yet; half of those are right before step 400, 95 % at step 770 to 940, and all in the end. 64 units "
        "grok too, 8 to 32 do not get that far. Without weight decay nothing of it happens."
    ),
    source=_(
        "Power et al. 2022, arXiv:2201.02177; quadratic activation: Gromov 2023, arXiv:2301.02679. "
        "Setting found for 40 % of all pairs."
    ),
    settings={
        "dataset": "modular",
        "modulus": 53,
        "arch": "mlp",
        "activation": "quadratic",
        "width": (8, 16, 32, 64, 128),
        "depth": 1,
        "dataset_size": 1124,
        "weight_decay": 1.0,
        "optimizer": "adamw",
        "lr": 0.01,
        "beta2": 0.98,
        "batch_size": 1124,
        "steps": 2000,
        "seed": tuple(range(5)),
    },
)
