"""Two interleaved half-circles in the plane, 2 classes: overfitting that can be seen."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import INPUT_NOISE, cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 2000, 500, 2000


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: points on two half-circles, each displaced by Gaussian noise."""
    rng = sampling(data_seed)
    count = TRAIN + VALIDATION + TEST
    y = rng.integers(0, 2, count)
    angle = np.pi * rng.random(count)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    x = np.where(y[:, None] == 0, upper, lower) + options["input_noise"] * rng.standard_normal((count, 2))
    return cut(x, y, TRAIN, VALIDATION)


TASK = Task(shape=(2,), outputs=2, max_size=TRAIN)
DATASET = Dataset(title=_("Two moons (2-D points)"), task=lambda options: TASK, load=load, knobs=(INPUT_NOISE,))
