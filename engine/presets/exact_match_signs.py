"""A late rise that the metric makes: all of 64 answers right at once, where the loss falls evenly with size."""

from engine.registry import Preset

PRESET = Preset(
    title="A late rise that the metric makes: 64 answers, all right",
    finding=(
        "All 64 answers are right for 0.1 % of test examples with 2 units, for 7.5 % with 16 and for 44 % with 256. "
        "But error of a single answer falls from 22 % to 1.4 % and the loss from 0.41 to 0.038, by a factor of 1.2 to "
        "1.8 with every doubling of the width: what comes late is the metric's doing."
    ),
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
