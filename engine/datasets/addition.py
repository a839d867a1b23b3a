"""Addition of two n-digit numbers, the whole sum or one digit of it: short carries are learned before long ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, distinct, sampling, without_tenths
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

MOST = 25_000
"""Pairs of numbers in all; a tenth is held out for validation and a tenth for test."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: the digits of a, then those of b; classes the digits of a + b.

    The highest digit comes first, as tokens 0 to 9, in the numbers and in the n + 1 answers of a sum. Where the answer
    is one digit, a query follows: token 10 + i asks for the digit of 10^i, i from 0 to n at random. Every pair (a, b)
    occurs once, with one query.
    """
    digits = options["digits"]
    rng = sampling(data_seed)
    pairs = _pairs(rng, digits)
    powers = 10 ** np.arange(digits, -1, -1)
    written = (pairs[:, :, None] // powers[1:] % 10).reshape(len(pairs), -1)
    sums = pairs.sum(axis=1)
    if options["answer"] == "sum":
        return cut(written, sums[:, None] // powers % 10, *_sizes(digits))
    power = rng.integers(0, digits + 1, len(pairs))
    return cut(np.column_stack([written, 10 + power]), sums // 10**power % 10, *_sizes(digits))


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
    return without_tenths(min(100**digits, MOST))


def task(options: Mapping[str, Any]) -> Task:
    """Return 2n digits and a query in, a digit out; or 2n digits in, n + 1 out."""
    digits = options["digits"]
    size, answers = _sizes(digits)[0], digits + 1
    if options["answer"] == "sum":
        outputs = 10 * answers
        return Task(shape=(2 * digits,), outputs=outputs, max_size=size, tokens=10, loss="sequence", answers=answers)
    return Task(shape=(2 * digits + 1,), outputs=10, max_size=size, tokens=10 + answers)


DATASET = Dataset(
    title=_("Addition (digits as tokens)"),
    task=task,
    load=load,
    knobs=(
        Knob(
            name="digits",
            kind=int,
            default=3,
            label=_("Digits"),
            help=_("Of each of the two numbers."),
            group="Data",
            low=1,
            high=8,
        ),
        Knob(
            name="answer",
            kind=str,
            default="digit",
            label=_("Answer"),
            help=_("One digit of the sum, which a query token asks for, or all digits of the sum at once."),
            group="Data",
            choices=lambda: ("digit", "sum"),
        ),
    ),
)
