"""MNIST-1D: ten shapes of 40 points, shifted, scaled, slanted and noisy; 10 classes.

Source: S. Greydanus, D. Kobak, "Scaling down deep learning with MNIST-1D", arXiv:2011.14439, and the constants of
its published generator. Drawn anew here for every data seed; no file is read.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 4000, 1000, 1000
LENGTH = 40
PADDING = (36, 60)
"""Fewest and most points appended to the 12 of a shape, before both are stretched to 72."""
SCALE, SHIFT, CORRELATED, INDEPENDENT, SHEAR = 0.4, 48, 0.25, 0.02, 0.75
SMOOTHING = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
"""A Gaussian of standard deviation 2, which turns white noise into correlated noise."""

SHAPES = """
5 6 6.5 6.75 7 7 7 7 6.75 6.5 6 5
5 3 3 3.4 3.8 4.2 4.6 5 5.4 5.8 5 5
5 6 6.5 6.5 6 5.25 4.75 4 3.5 3.5 4 5
5 6 6.5 6.5 6 5 5 6 6.5 6.5 6 5
5 4.4 3.8 3.2 2.6 2.6 5 5 5 5 5 5
5 3 3 3 3 5 6 6.5 6.5 6 4.5 5
5 4 3.5 3.25 3 3 3 3 3.25 3.5 4 5
5 7 7 6.6 6.2 5.8 5.4 5 4.6 4.2 5 5
5 4 3.5 3.5 4 5 5 4 3.5 3.5 4 5
5 4 3.5 3.5 4 5 5 5 5 4.7 4.3 5
"""
"""How far each digit's stroke lies from the left, from its top to its bottom."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test, all classes equally often."""
    rng = sampling(data_seed)
    count = TRAIN + VALIDATION + TEST
    y = rng.permutation(np.arange(count) % 10)
    return cut(_signals(y, rng), y, TRAIN, VALIDATION)


def _signals(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one signal (40,) per class number in `y`."""
    shapes = np.array([line.split() for line in SHAPES.split("\n") if line], dtype=np.float64)
    shapes = (shapes - shapes.mean(axis=1, keepdims=True)) / shapes.std(axis=1, keepdims=True)
    shapes = (shapes - shapes[:, :1]) / 6  # a shape begins and ends about 0
    count, points = len(y), shapes.shape[1] + PADDING[1]
    padded = shapes.shape[1] + rng.integers(PADDING[0], PADDING[1] + 1, count)
    at = np.linspace(0, 1, points) * (padded[:, None] - 1)  # stretching: where each of 72 points is read
    stroke = at < shapes.shape[1]
    x = _read(np.pad(shapes, ((0, 0), (0, PADDING[1] + 1)))[y], at)
    x *= 1 + SCALE * (rng.random((count, 1)) - 0.5)
    place = (np.arange(points) - rng.integers(0, SHIFT, (count, 1))) % points
    x, stroke = np.take_along_axis(x, place, axis=1), np.take_along_axis(stroke, place, axis=1)
    white = np.pad(rng.standard_normal((count, points)), ((0, 0), (8, 8)), mode="symmetric")
    smooth = np.lib.stride_tricks.sliding_window_view(white, 17, axis=1) @ (SMOOTHING / SMOOTHING.sum())
    x = np.where(stroke, x, CORRELATED * smooth) + INDEPENDENT * rng.standard_normal((count, points))
    x -= SHEAR * (rng.random((count, 1)) - 0.5) * np.linspace(-0.5, 0.5, points)
    return _read(x, np.linspace(0, points - 1, LENGTH)[None].repeat(count, axis=0))


def _read(x: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return each row of x (n, points) at the places `at` (n, m), between two points by a straight line."""
    left = np.minimum(at.astype(np.int64), x.shape[1] - 2)
    a, b = np.take_along_axis(x, left, axis=1), np.take_along_axis(x, left + 1, axis=1)
    return np.asarray(a + (at - left) * (b - a))


TASK = Task(shape=(1, LENGTH), outputs=10, max_size=TRAIN)
DATASET = Dataset(title=_("MNIST-1D (signals of 40 points)"), task=lambda options: TASK, load=load, scaling="all")
