"""Addition of two n-digit numbers, a digit of the answer at a time: short carries are learned before long ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.knob import Knob
from engine.registry import Dataset, Split, Task
from engine.splits import but_tenths, cut, distinct, sampling

MOST = 25_000
"""Pairs of numbers in all; a tenth each is held out for validation and test."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: the digits of a, those of b, a query; class one digit of a + b.

    Digits come highest first, as tokens 0 to 9. The query, token 10 + i, asks for the digit of 10^i, i from 0 to n
    at random. A model gives one class an example, so this is not yet the whole answer in one piece. Every pair
    (a, b) is there once, with one query.
    """
    digits = options["digits"]
    rng = sampling(data_seed)
    pairs = _pairs(rng, digits)
    place = rng.integers(0, digits + 1, len(pairs))
    powers = 10 ** np.arange(digits - 1, -1, -1)
    written = pairs[:, :, None] // powers % 10  # (n, 2, digits)
    x = np.column_stack([written[:, 0], written[:, 1], 10 + place])
    train, validation = _sizes(digits)
    return cut(x, pairs.sum(axis=1) // 10**place % 10, train, validation)


def _pairs(rng: np.random.Generator, digits: int) -> np.ndarray:
    """Return distinct pairs of numbers below 10^digits in random order, (n, 2): MOST of them, or all there are."""
    if digits <= 2:
        both = rng.permutation(100**digits)[:MOST]
        return np.stack(np.divmod(both, 10**digits), axis=1)
    pairs = np.empty((0, 2), dtype=np.int64)
    while len(pairs) < MOST:
        pairs = np.concatenate([pairs, rng.integers(0, 10**digits, (MOST, 2))])
        pairs = pairs[distinct(pairs)]
    return pairs[:MOST]


def _sizes(digits: int) -> tuple[int, int]:
    return but_tenths(min(100**digits, MOST))


def task(options: Mapping[str, Any]) -> Task:
    """Return 2n digits and a query in, a digit out."""
    digits = options["digits"]
    return Task(shape=(2 * digits + 1,), outputs=10, max_size=_sizes(digits)[0], tokens=10 + digits + 1)


DATASET = Dataset(
    title="Addition (digits as tokens)",
    task=task,
    load=load,
    knobs=(
        Knob(
            name="digits",
            kind=int,
            default=3,
            label="Digits",
            help="Of each of the two numbers; a query token asks for one digit of their sum.",
            group="Data",
            low=1,
            high=8,
        ),
    ),
)
