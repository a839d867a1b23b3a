"""Addition of two n-digit numbers, the whole sum or one digit of it: short carries are learned before long ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.data.splits import but_tenths, cut, distinct, sampling
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

MOST = 25_000
"""Pairs of numbers in all; a tenth each is held out for validation and test."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: the digits of a, then those of b; classes the digits of a + b.

    Digits come highest first, as tokens 0 to 9, and so do the n + 1 answers of a sum. Where one digit is asked for, a
    query follows: token 10 + i asks for the digit of 10^i, i from 0 to n at random. Every pair (a, b) is there once,
    with one query.
    """
    digits = options["digits"]
    rng = sampling(data_seed)
    pairs = _pairs(rng, digits)
    powers = 10 ** np.arange(digits, -1, -1)
    written = (pairs[:, :, None] // powers[1:] % 10).reshape(len(pairs), -1)
    sums = pairs.sum(axis=1)
    if options["answer"] == "sum":
        return cut(written, sums[:, None] // powers % 10, *_sizes(digits))
    place = rng.integers(0, digits + 1, len(pairs))
    return cut(np.column_stack([written, 10 + place]), sums // 10**place % 10, *_sizes(digits))


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
    """Return 2n digits and a query in, a digit out; or 2n digits in, n + 1 out."""
    digits = options["digits"]
    size, places = _sizes(digits)[0], digits + 1
    if options["answer"] == "sum":
        return Task(shape=(2 * digits,), outputs=10 * places, max_size=size, tokens=10, loss="sequence", answers=places)
    return Task(shape=(2 * digits + 1,), outputs=10, max_size=size, tokens=10 + places)


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
            help="Of each of the two numbers.",
            group="Data",
            low=1,
            high=8,
        ),
        Knob(
            name="answer",
            kind=str,
            default="digit",
            label="Answer",
            help="One digit of the sum, which a query token asks for, or all digits of the sum at once.",
            group="Data",
            choices=lambda: ("digit", "sum"),
        ),
    ),
)
