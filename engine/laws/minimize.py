"""Minimises many small problems at once: BFGS along a leading axis of starts or bootstrap samples, in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Objective = Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]
"""(theta (b, p), which (b,) of the problems they belong to) → values (b,) and gradients (b, p)."""

_SUFFICIENT, _CURVATURE = 1e-4, 0.9
"""Constants of the weak Wolfe conditions, with which BFGS copes with kinks too (Lewis and Overton 2013, §2)."""
_SEARCH, _STALLED = 40, 3


@dataclass(frozen=True, kw_only=True)
class Minima:
    """Where each problem ended."""

    theta: Array
    """(problems, p)"""
    value: Array
    """(problems,)"""


def minimize(objective: Objective, starts: Array, *, steps: int = 500, tolerance: float = 1e-12) -> Minima:
    """Return a local minimum of every problem from its start in `starts` (problems, p).

    A problem is done when three steps in a row lower it by less than `tolerance` of its value, when no step lowers it,
    or after `steps`. A start without a finite value stays where it is.
    """
    theta = np.array(starts, dtype=np.float64)
    count, size = theta.shape
    value, slope = objective(theta, np.arange(count))
    inverse = np.broadcast_to(np.eye(size), (count, size, size)).copy()
    scaled = np.zeros(count, bool)
    stalled = np.zeros(count, int)
    going = np.flatnonzero(np.isfinite(value))
    for _ in range(steps):
        if not len(going):
            break
        ways = -np.einsum("bij,bj->bi", inverse[going], slope[going])
        downhill = np.einsum("bi,bi->b", ways, slope[going]) < 0
        ways[~downhill] = -slope[going][~downhill]
        inverse[going[~downhill]] = np.eye(size)
        moved, new_value, new_slope = _search(objective, theta[going], value[going], slope[going], ways, going)
        change, bend = moved - theta[going], new_slope - slope[going]
        gain = value[going] - new_value
        lowered = gain > 0
        small = gain <= tolerance * np.abs(new_value)
        stalled[going] = np.where(small, stalled[going] + 1, 0)
        kept = going[lowered]
        theta[kept], value[kept], slope[kept] = moved[lowered], new_value[lowered], new_slope[lowered]
        _bend(inverse, scaled, kept, change[lowered], bend[lowered])
        inverse[going[~lowered]] = np.eye(
            size
        )  # once more along the slope itself, before it counts as stalled for good
        going = going[stalled[going] < _STALLED]
    return Minima(theta=theta, value=value)


def _search(
    objective: Objective, theta: Array, value: Array, slope: Array, ways: Array, which: NDArray[np.intp]
) -> tuple[Array, Array, Array]:
    """Return points along `ways` that fulfil the weak Wolfe conditions, with their values and slopes.

    Found by doubling and bisection; where there is none, the lowest point seen is returned.
    """
    count = len(theta)
    fall = np.einsum("bi,bi->b", ways, slope)
    low, high, length = np.zeros(count), np.full(count, np.inf), np.ones(count)
    best = theta.copy(), value.copy(), slope.copy()
    open_ = np.arange(count)
    for _ in range(_SEARCH):
        tried = theta[open_] + length[open_, None] * ways[open_]
        with np.errstate(all="ignore"):
            found, gradient = objective(tried, which[open_])
        found = np.where(np.isfinite(found) & np.isfinite(gradient).all(axis=1), found, np.inf)
        lower = found < best[1][open_]
        for kept, new in zip(best, (tried, found, gradient), strict=True):
            kept[open_[lower]] = new[lower]
        along = np.einsum("bi,bi->b", np.where(np.isfinite(gradient), gradient, 0.0), ways[open_])
        too_far = found > value[open_] + _SUFFICIENT * length[open_] * fall[open_]
        too_near = ~too_far & (along < _CURVATURE * fall[open_])
        high[open_[too_far]] = length[open_[too_far]]
        low[open_[too_near]] = length[open_[too_near]]
        done = ~too_far & ~too_near
        for kept, new in zip(best, (tried, found, gradient), strict=True):
            kept[open_[done]] = new[done]
        open_ = open_[~done]
        if not len(open_):
            break
        bounded = np.isfinite(high[open_])
        length[open_] = np.where(bounded, (low[open_] + np.where(bounded, high[open_], 0.0)) / 2, 2 * length[open_])
    return best


def _bend(inverse: Array, scaled: NDArray[np.bool_], which: NDArray[np.intp], change: Array, bend: Array) -> None:
    """Update inverse Hessians by the BFGS formula where the curvature along the step is positive.

    Source: Nocedal and Wright, Numerical Optimization (2006), eq. 6.17 and 6.20.
    """
    curved = np.einsum("bi,bi->b", change, bend)
    usable = curved > 1e-14 * np.linalg.norm(change, axis=1) * np.linalg.norm(bend, axis=1)
    which, change, bend, curved = which[usable], change[usable], bend[usable], curved[usable]
    if not len(which):
        return
    first = ~scaled[which]
    size = inverse.shape[1]
    ratio = curved / np.einsum("bi,bi->b", bend, bend)
    inverse[which[first]] = ratio[first, None, None] * np.eye(size)
    scaled[which] = True
    left = np.eye(size) - np.einsum("bi,bj->bij", change, bend) / curved[:, None, None]
    outer = np.einsum("bi,bj->bij", change, change) / curved[:, None, None]
    inverse[which] = np.einsum("bij,bjk,blk->bil", left, inverse[which], left) + outer
