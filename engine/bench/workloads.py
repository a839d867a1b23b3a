"""The sweeps that the benchmark trains."""

from engine.spec import registry

WIDER = {"depth": 2, "batch_size": 128, "steps": 6000}
CNN = {"arch": "cnn", "depth": 2, "batch_size": 64, "steps": 12_000}
WORKLOADS: dict[str, dict[str, object]] = {
    "preset": registry.preset("digits-double-descent").settings,
    "mlp-tiny": {
        "width": (2, 3, 4, 5, 6, 8, 10, 13),
        "depth": 2,
        "batch_size": 32,
        "steps": 24_000,
        "seed": tuple(range(64)),
    },
    "mlp-small": {**WIDER, "width": (2, 4, 8, 16, 27, 48, 81), "seed": tuple(range(16))},
    "mlp-wide": {**WIDER, "width": (2, 4, 8, 16, 32, 64, 128, 181, 256, 512), "seed": tuple(range(4))},
    "cnn": {**CNN, "width": (2, 4, 8, 16, 32, 64), "seed": tuple(range(8))},
    "gru": {
        "arch": "gru",
        "dataset": "characters",
        "context": 24,
        "width": (4, 8, 16, 32, 64, 128),
        "batch_size": 32,
        "steps": 24_000,
        "seed": tuple(range(8)),
    },
    "transformer": {
        "arch": "transformer",
        "dataset": "characters",
        "context": 64,
        "width": (8, 16, 32, 64, 128),
        "depth": 2,
        "batch_size": 16,
        "steps": 48_000,
        "seed": tuple(range(4)),
    },
}
"""Sweeps with Adam, over digits where no data set is named; what else is not named is at its default. Evaluation's
share depends on the steps: all take so many that each sees as many examples as a preset run."""
