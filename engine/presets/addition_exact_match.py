"""A jump that the metric makes: whole sums come suddenly, their digits and the loss bit by bit."""

from engine.registry import Preset

PRESET = Preset(
    title="It is the metric: exact match of sums",
    finding=("FILL"),
    source="Schaeffer et al. 2023, arXiv:2304.15004; setting found for sums of two four-digit numbers.",
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
