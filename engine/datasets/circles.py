"""A circle around another in the plane, 2 classes: no straight line tells them apart, a ring of few units does."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import INPUT_NOISE, cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 2000, 500, 2000
INNER = 0.5
"""Radius of class 1; that of class 0 is 1."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: points on two circles, each displaced by Gaussian noise."""
    rng = sampling(data_seed)
    count = TRAIN + VALIDATION + TEST
    y = rng.integers(0, 2, count)
    angle = 2 * np.pi * rng.random(count)
    x = np.where(y == 0, 1.0, INNER)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return cut(x + options["input_noise"] * rng.standard_normal((count, 2)), y, TRAIN, VALIDATION)


TASK = Task(shape=(2,), outputs=2, max_size=TRAIN)
DATASET = Dataset(title=_("Two circles (2-D points)"), task=lambda options: TASK, load=load, knobs=(INPUT_NOISE,))
