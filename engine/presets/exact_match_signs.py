"""A jump that the metric makes: all of 64 answers right comes suddenly, where the loss falls as a power of size."""

from engine.registry import Preset

PRESET = Preset(
    title="It is the metric: 64 answers, all of them right",
    finding=("FILL"),
    source="Schaeffer et al. 2023, arXiv:2304.15004; setting found for the signs of a random network's 64 outputs.",
    settings={
        "dataset": "teacher-student",
        "dimension": 3,
        "signs": 64,
        "arch": "mlp",
        "width": (2, 4, 8, 16, 32, 64, 128, 256),
        "depth": 1,
        "dataset_size": 20_000,
        "optimizer": "adamw",
        "lr": 0.01,
        "schedule": "cosine",
        "batch_size": 128,
        "steps": 2000,
        "seed": tuple(range(5)),
    },
)
