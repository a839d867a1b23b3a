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
"""Most steps of a line search, and steps without gain after which a problem is done."""


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
    value, grad = objective(theta, np.arange(count))
    inverse = np.broadcast_to(np.eye(size), (count, size, size)).copy()
    scaled = np.zeros(count, bool)
    stalled = np.zeros(count, int)
    going = np.flatnonzero(np.isfinite(value))
    for _ in range(steps):
        if not len(going):
            break
        directions = -np.einsum("bij,bj->bi", inverse[going], grad[going])
        downhill = np.einsum("bi,bi->b", directions, grad[going]) < 0
        directions[~downhill] = -grad[going][~downhill]
        inverse[going[~downhill]] = np.eye(size)
        new_theta, new_value, new_grad = _search(objective, theta[going], value[going], grad[going], directions, going)
        change, grad_change = new_theta - theta[going], new_grad - grad[going]
        gain = value[going] - new_value
        lowered = gain > 0
        small = gain <= tolerance * np.abs(new_value)
        stalled[going] = np.where(small, stalled[going] + 1, 0)
        better = going[lowered]
        theta[better], value[better], grad[better] = new_theta[lowered], new_value[lowered], new_grad[lowered]
        _update(inverse, scaled, better, change[lowered], grad_change[lowered])
        # The others try the gradient itself before they count as stalled for good.
        inverse[going[~lowered]] = np.eye(size)
        going = going[stalled[going] < _STALLED]
    return Minima(theta=theta, value=value)


def _search(
    objective: Objective, theta: Array, value: Array, grad: Array, directions: Array, which: NDArray[np.intp]
) -> tuple[Array, Array, Array]:
    """Return points along `directions` that fulfil the weak Wolfe conditions, with their values and gradients.

    They are found by doubling and bisection; where there is none, the lowest point seen is returned.
    """
    count = len(theta)
    fall = np.einsum("bi,bi->b", directions, grad)
    low, high, length = np.zeros(count), np.full(count, np.inf), np.ones(count)
    best = theta.copy(), value.copy(), grad.copy()
    open_ = np.arange(count)
    for _ in range(_SEARCH):
        tried = theta[open_] + length[open_, None] * directions[open_]
        with np.errstate(all="ignore"):
            found, gradient = objective(tried, which[open_])
        found = np.where(np.isfinite(found) & np.isfinite(gradient).all(axis=1), found, np.inf)
        lower = found < best[1][open_]
        for old, new in zip(best, (tried, found, gradient), strict=True):
            old[open_[lower]] = new[lower]
        along = np.einsum("bi,bi->b", np.where(np.isfinite(gradient), gradient, 0.0), directions[open_])
        too_far = found > value[open_] + _SUFFICIENT * length[open_] * fall[open_]
        too_near = ~too_far & (along < _CURVATURE * fall[open_])
        high[open_[too_far]] = length[open_[too_far]]
        low[open_[too_near]] = length[open_[too_near]]
        done = ~too_far & ~too_near
        for old, new in zip(best, (tried, found, gradient), strict=True):
            old[open_[done]] = new[done]
        open_ = open_[~done]
        if not len(open_):
            break
        bounded = np.isfinite(high[open_])
        length[open_] = np.where(bounded, (low[open_] + np.where(bounded, high[open_], 0.0)) / 2, 2 * length[open_])
    return best


def _update(
    inverse: Array, scaled: NDArray[np.bool_], which: NDArray[np.intp], change: Array, grad_change: Array
) -> None:
    """Update inverse Hessians by the BFGS formula where the curvature along the step is positive.

    Source: Nocedal and Wright, Numerical Optimization (2006), eq. 6.17 and 6.20.
    """
    curvature = np.einsum("bi,bi->b", change, grad_change)
    usable = curvature > 1e-14 * np.linalg.norm(change, axis=1) * np.linalg.norm(grad_change, axis=1)
    which, change, grad_change, curvature = which[usable], change[usable], grad_change[usable], curvature[usable]
    if not len(which):
        return
    first = ~scaled[which]
    size = inverse.shape[1]
    ratio = curvature / np.einsum("bi,bi->b", grad_change, grad_change)
    inverse[which[first]] = ratio[first, None, None] * np.eye(size)
    scaled[which] = True
    left = np.eye(size) - np.einsum("bi,bj->bij", change, grad_change) / curvature[:, None, None]
    outer = np.einsum("bi,bj->bij", change, change) / curvature[:, None, None]
    inverse[which] = np.einsum("bij,bjk,blk->bil", left, inverse[which], left) + outer
