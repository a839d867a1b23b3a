"""Effects over seeds, seed by seed, with intervals that hold although places were picked from the same curves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from engine.verdicts.curves import Array, Places
from engine.verdicts.verdict import Answer

LEVEL = 0.95
LEAST_SEEDS = 3
"""Fewer decide nothing."""
BORROWED = 2.0
"""Degrees of freedom that the spread at neighbouring places adds to that of the seeds at hand: of three seeds alone an
interval is 4.3 standard errors to either side. Few, since the spread differs from place to place."""
WIDER = 1.2
"""By how much an interval is widened, since the picks of different seeds share the other seeds. This and BORROWED are
chosen by tests/benchmarks/verdict_rates.py: at 1.0 flat curves of 10 to 40 seeds would be called rising in 6 to 9 %."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A mean over seeds with its interval; the bounds are infinite where fewer than two seeds tell anything."""

    value: float
    low: float
    high: float
    most: float
    """What it is below, at 95 %: one-sided, and not widened, since picks overstate an effect but never hide one."""
    n: int
    spread: float
    """Standard deviation over seeds."""

    def half(self, n: int) -> float:
        """Return half the width of the interval that `n` seeds of this spread would give."""
        return WIDER * self.spread / float(np.sqrt(n)) * float(stdtrit(n - 1 + BORROWED, 1 - (1 - LEVEL) / 2))


def effect(values: Array, noise: float = 0.0) -> Effect:
    """Return the mean of `values` (units,), NaN left out, with its t interval.

    `noise`: the variance over seeds of such differences nearby; 0 where that means nothing.
    """
    known = values[np.isfinite(values)]
    n = len(known)
    if n < 2:
        value = float(known[0]) if n else float("nan")
        return Effect(value=value, low=-np.inf, high=np.inf, most=np.inf, n=n, spread=float("nan"))
    own, borrowed = float(known.var(ddof=1)), BORROWED if noise else 0.0
    spread = float(np.sqrt((borrowed * noise + (n - 1) * own) / (borrowed + n - 1)))
    value, error = float(known.mean()), spread / float(np.sqrt(n))
    half = WIDER * error * float(stdtrit(n - 1 + borrowed, 1 - (1 - LEVEL) / 2))
    most = value + error * float(stdtrit(n - 1 + borrowed, LEVEL))
    return Effect(value=value, low=value - half, high=value + half, most=most, n=n, spread=spread)


def nearby(table: Array, first: Places, second: Places, row: int = 0) -> float:
    """Return the mean variance over units of differences of places near `first` and near `second`, (units,) each.

    Near are a place and its two neighbours, of the same curve where curves of `row` places follow each other.
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


def picks(table: Array, pick: Callable[[Array], tuple[int, ...]], caution: float = 0.0) -> Places:
    """Return for each unit the places that `pick` takes of the mean of all others, (units, picked).

    So no unit is measured at places that its own noise has chosen, nor where it is not measured. `caution`: standard
    errors that are added to the means, so that low ones are not those of places where seeds differ most.
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
        found.append(pick(np.where(known[unit], mean, np.nan)))
    return np.array(found, dtype=np.intp)


def at(table: NDArray[Any], places: Places) -> Array:
    """Return table[unit, places[unit]], (units,); NaN where none was picked."""
    values = np.asarray(table[np.arange(len(table)), places], dtype=np.float64)
    return np.asarray(np.where(places < 0, np.nan, values))


def usual(places: Places) -> tuple[int, ...]:
    """Return the row of places (units, picked) that most units have."""
    rows, times = np.unique(places, axis=0, return_counts=True)
    return tuple(int(place) for place in rows[times.argmax()])


def answer(effects: Sequence[Effect], worths: Sequence[float]) -> Answer:
    """Return whether all `effects` are above 0 and at least their worth, or one surely is not."""
    if min(one.n for one in effects) < LEAST_SEEDS:
        return "inconclusive"
    pairs = list(zip(effects, worths, strict=True))
    if all(one.low > 0 and one.value >= worth for one, worth in pairs):
        return "supported"
    if any(one.most < worth for one, worth in pairs):
        return "not supported"
    return "inconclusive"


def worth(metric: str, level: float) -> float:
    """Return the least difference worth the name: a tenth of `level`, of an error no less than a hundredth."""
    return max(0.1 * level, 0.01 if metric.endswith("_error") else 0.0)
