"""Effects over seeds, seed by seed, with intervals that stay valid although sizes are selected on the same curves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.verdicts.curves import Array, Indices
from engine.verdicts.verdict import Answer

LEVEL = 0.95
"""How often an interval holds the true effect."""
LEAST_SEEDS = 3
"""Seeds below which no verdict is reached."""
BORROWED = 2.0
"""Degrees of freedom that the spread at neighbouring indices adds to that of the seeds themselves: with three seeds
alone an interval is 4.3 standard errors to either side. They are few, since the spread differs from index to index."""
WIDER = 1.2
"""Factor by which an interval is widened, since the selections for different seeds share the other seeds. This and
BORROWED are chosen by tests/benchmarks/verdict_rates.py: at 1.0 flat curves of 10 to 40 seeds would be called rising
in 6 to 9 %."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A mean over seeds with its interval; the bounds are infinite where fewer than two seeds tell anything."""

    value: float
    low: float
    high: float
    most: float
    """One-sided upper bound at 95 %. It is not widened, since a selection overstates an effect but never hides one."""
    n: int
    """Seeds that were measured."""
    spread: float
    """Standard deviation over seeds."""

    def half(self, n: int) -> float:
        """Return half the width of the interval that `n` seeds of this spread would give."""
        return WIDER * self.spread / float(np.sqrt(n)) * _quantile(n - 1 + BORROWED, 1 - (1 - LEVEL) / 2)


def effect(values: Array, noise: float = 0.0) -> Effect:
    """Return the mean of `values` (units,), NaN left out, with its t interval.

    `noise`: the variance over seeds of such differences nearby, as `nearby` gives it; 0 where there is none.
    """
    known = values[np.isfinite(values)]
    n = len(known)
    if n < 2:
        value = float(known[0]) if n else float("nan")
        return Effect(value=value, low=-np.inf, high=np.inf, most=np.inf, n=n, spread=float("nan"))
    own, borrowed = float(known.var(ddof=1)), BORROWED if noise else 0.0
    spread = float(np.sqrt((borrowed * noise + (n - 1) * own) / (borrowed + n - 1)))
    value, error = float(known.mean()), spread / float(np.sqrt(n))
    half = WIDER * error * _quantile(n - 1 + borrowed, 1 - (1 - LEVEL) / 2)
    most = value + error * _quantile(n - 1 + borrowed, LEVEL)
    return Effect(value=value, low=value - half, high=value + half, most=most, n=n, spread=spread)


def _quantile(degrees: float, share: float) -> float:
    """Return the quantile of Student's t."""
    return float(scipy.special.stdtrit(degrees, share))


def nearby(table: Array, first: Indices, second: Indices, row: int = 0) -> float:
    """Return the mean variance over units of differences between indices near `first` and near `second`, (units,) each.

    Near an index are itself and its two neighbours on the same curve; `table` (units, indices) may hold several curves
    of `row` indices each, one after the other.
    """
    row = row or table.shape[1]
    pairs, times = np.unique(np.stack([first, second])[:, (first >= 0) & (second >= 0)], axis=1, return_counts=True)
    total = 0.0
    for (one, other), weight in zip(pairs.T, times, strict=True):
        near = [range(max(p - 1, p // row * row), min(p + 2, (p // row + 1) * row)) for p in (int(one), int(other))]
        both = np.array([(a, b) for a in near[0] for b in near[1] if a != b])
        difference = table[:, both[:, 0]] - table[:, both[:, 1]]
        difference = difference[:, np.isfinite(difference).sum(axis=0) > 1]
        if difference.shape[1]:
            total += weight * float(np.nanvar(difference, axis=0, ddof=1).mean())
    return total / max(1, int(times.sum()))


def select_by_others(table: Array, select: Callable[[Array], tuple[int, ...]], caution: float = 0.0) -> Indices:
    """Return for each unit the indices that `select` chooses on the mean of all other units, (units, chosen).

    So no unit of `table` (units, indices) is measured at indices that its own noise has selected, nor where it has no
    value. `caution`: standard errors that are added to the means, so that an index is not selected as the lowest only
    because seeds differ most there.
    """
    known = np.isfinite(table)
    found = []
    for unit in range(len(table)):
        others = np.arange(len(table)) != unit if len(table) > 1 else np.ones(1, dtype=bool)
        some, there = np.where(known[others], table[others], 0.0), known[others]
        number = there.sum(axis=0)
        mean = np.where(number > 0, some.sum(axis=0) / np.maximum(number, 1), np.nan)
        if caution and others.sum() > 1:
            squares = np.where(there, (some - mean) ** 2, 0.0).sum(axis=0)
            mean = mean + caution * np.sqrt(squares / np.maximum(number - 1, 1) / np.maximum(number, 1))
        found.append(select(np.where(known[unit], mean, np.nan)))
    return np.array(found, dtype=np.intp)


def at(table: NDArray[Any], indices: Indices) -> Array:
    """Return table[unit, indices[unit]], (units,); NaN where an index is negative, that is, none was selected."""
    values = np.asarray(table[np.arange(len(table)), indices], dtype=np.float64)
    return np.asarray(np.where(indices < 0, np.nan, values))


def most_common(indices: Indices) -> tuple[int, ...]:
    """Return the row of `indices` (units, chosen) that most units share."""
    rows, times = np.unique(indices, axis=0, return_counts=True)
    return tuple(int(index) for index in rows[times.argmax()])


def answer(effects: Sequence[Effect], minimums: Sequence[float]) -> Answer:
    """Return "supported" where every effect is above 0 and reaches its minimum.

    "not supported" where one is surely below its minimum; else, and for fewer than LEAST_SEEDS, "inconclusive".
    """
    if min(one.n for one in effects) < LEAST_SEEDS:
        return "inconclusive"
    pairs = list(zip(effects, minimums, strict=True))
    if all(one.low > 0 and one.value >= minimum for one, minimum in pairs):
        return "supported"
    if any(one.most < minimum for one, minimum in pairs):
        return "not supported"
    return "inconclusive"


def minimum_effect(metric: str, level: float) -> float:
    """Return the smallest difference that counts as an effect: a tenth of `level`, and of an error at least 0.01."""
    return max(0.1 * level, 0.01 if metric.endswith("_error") else 0.0)
