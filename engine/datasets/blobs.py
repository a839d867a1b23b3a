"""Gaussian blobs around a circle in the plane, 2 to 10 classes: the best possible error is known."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import INPUT_NOISE, cut, sampling
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 2000, 500, 2000


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: normal points about centres evenly spaced on the unit circle.

    No classifier has a lower error than the one that names the nearest centre; with two classes its error is
    Φ(−1/input noise).
    """
    rng = sampling(data_seed)
    count = TRAIN + VALIDATION + TEST
    y = rng.integers(0, options["classes"], count)
    x = centres(options["classes"])[y] + options["input_noise"] * rng.standard_normal((count, 2))
    return cut(x, y, TRAIN, VALIDATION)


def centres(classes: int) -> np.ndarray:
    """Return the middles of the blobs, (classes, 2)."""
    angle = 2 * np.pi * np.arange(classes) / classes
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def task(options: Mapping[str, Any]) -> Task:
    """Return two coordinates in, a class out."""
    return Task(shape=(2,), outputs=options["classes"], max_size=TRAIN)


DATASET = Dataset(
    title=_("Blobs (2-D points)"),
    task=task,
    load=load,
    knobs=(
        INPUT_NOISE,
        Knob(
            name="classes",
            kind=int,
            default=4,
            label=_("Classes"),
            help=_("Blobs, their centres evenly spaced on a circle of radius 1."),
            group="Data",
            low=2,
            high=10,
        ),
    ),
)
