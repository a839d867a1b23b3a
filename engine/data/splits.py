"""How a data set's examples become training pool, validation and test."""

import numpy as np

from engine.base.language import _
from engine.data.rng import generator
from engine.spec.knob import Knob
from engine.spec.task import Split

SAMPLE = 1
"""The random stream of a data set's own sample and split."""

INPUT_NOISE = Knob(
    name="input_noise",
    kind=float,
    default=0.15,
    label=_("Input noise"),
    help=_("Standard deviation of the Gaussian noise on each coordinate; the shapes without it have radius 1 or so."),
    group="Data",
    low=0.0,
    high=1.0,
)
"""Shared by all data sets of points in the plane, so that it means the same in a sweep over several of them."""


def sampling(data_seed: int) -> np.random.Generator:
    """Return the generator that draws a data set's sample and split."""
    return generator(data_seed, SAMPLE)


def cut(x: np.ndarray, y: np.ndarray, train: int, validation: int) -> tuple[Split, Split, Split]:
    """Return the first `train` examples as pool, the next `validation`, and the rest as test set."""
    ends = [train, train + validation]
    pool, val, test = (
        Split(x=a, y=b) for a, b in zip(np.split(np.asarray(x, dtype=np.float64), ends), np.split(y, ends), strict=True)
    )
    return pool, val, test


def without_tenths(total: int) -> tuple[int, int]:
    """Return the sizes of pool and validation where a tenth of `total` is for validation and a tenth for test."""
    return total - 2 * (total // 10), total // 10


def scaled(splits: tuple[Split, Split, Split], scaling: str) -> tuple[Split, Split, Split]:
    """Return the splits with their inputs standardised by the pool: "each" feature by itself, "all" numbers by one mean
    and one deviation, or "off".
    """
    if scaling == "off":
        return splits
    axis = {"each": 0, "all": None}[scaling]
    mean, spread = splits[0].x.mean(axis=axis), splits[0].x.std(axis=axis)
    pool, val, test = (Split(x=(s.x - mean) / np.where(spread > 0, spread, 1.0), y=s.y) for s in splits)
    return pool, val, test


def standardised(x: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return x (n, columns) minus the mean of the rows `pool`, divided by their deviation, column by column."""
    spread = x[pool].std(axis=0)
    return np.asarray((x - x[pool].mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def distinct(rows: np.ndarray) -> np.ndarray:
    """Return the indices of the rows that no earlier row equals, rising."""
    rows = np.ascontiguousarray(rows + 0)  # without −0.0, so that equal rows are equal bytes, which sort faster
    whole = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize)))[:, 0]
    return np.sort(np.unique(whole, return_index=True)[1])
