"""Two arms of a spiral in the plane, 2 classes: the hardest of the flat shapes for a small network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import INPUT_NOISE, cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 2000, 500, 2000
TURNS = 1.75
"""Turns of each arm about the middle; the source has three, which a small network hardly learns."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: points on two arms, each displaced by Gaussian noise.

    An arm moves outwards by 1 a turn, so that neighbouring arms lie 0.5 apart, as the moons do; points are
    about evenly spread along it. Source: K. Lang, M. Witbrock, "Learning to tell two spirals apart", 1988.
    """
    rng = sampling(data_seed)
    count = TRAIN + VALIDATION + TEST
    y = rng.integers(0, 2, count)
    radius = TURNS * np.sqrt(rng.random(count))
    angle = 2 * np.pi * radius + np.pi * y
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return cut(x + options["input_noise"] * rng.standard_normal((count, 2)), y, TRAIN, VALIDATION)


TASK = Task(shape=(2,), outputs=2, max_size=TRAIN)
DATASET = Dataset(title=_("Two spirals (2-D points)"), task=lambda options: TASK, load=load, knobs=(INPUT_NOISE,))
