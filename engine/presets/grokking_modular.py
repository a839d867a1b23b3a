"""Grokking: addition modulo 53 is learned by heart within some fifty steps, and understood some thousand later."""

from engine.registry import Preset

PRESET = Preset(
    title="Grokking modular addition",
    finding=("FILL"),
    source=(
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
