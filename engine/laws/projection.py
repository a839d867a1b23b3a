"""The check of a fit: the same objective minimised by another method, variable projection."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy  # loads its modules when they are first used: no command waits for them in vain
from numpy.typing import NDArray

Array = NDArray[np.float64]

GRID = np.geomspace(0.03, 2.0, 9)
"""Exponents at which the objective is evaluated before the search."""
FOLLOWED = 3
"""How many of them, the best, the search starts from."""
REWEIGHTINGS = 60
"""Most times that the weights of the linear problem are updated."""


@dataclass(frozen=True, kw_only=True)
class Projected:
    """The minimum that variable projection finds."""

    estimates: Mapping[str, float]
    objective: float


def project(inputs: Array, loss: Array, delta: float, *, floor: bool) -> Projected:
    """Return the best of E + Σ A·x^−alpha by the sum of Huber losses of log residuals.

    For given exponents, the factors and the floor solve a non-negative least-squares problem in which each row has the
    weight that its Huber loss implies. Only the exponents, one for each input, are searched.
    `inputs`: (1 or 2, rows), sizes and data; `loss`: (rows,); `delta`: residual beyond which the Huber loss is linear;
    `floor`: whether there is an E. Source: arXiv:2203.15556 §3.3 for the objective.
    """
    logs = np.log(inputs)
    centre = logs.mean(axis=1, keepdims=True)

    def factors(exponents: Array) -> tuple[float, Array]:
        powers = np.exp(-exponents[:, None] * (logs - centre))
        return _best_factors(np.vstack([powers, np.ones(logs.shape[1])] if floor else [powers]).T, loss, delta)

    def profile(exponents: Array) -> float:
        return factors(exponents)[0] if (exponents > 0).all() and (exponents < 10).all() else np.inf

    grid = np.stack(np.meshgrid(*[GRID] * len(logs), indexing="ij")).reshape(len(logs), -1).T
    lowest = np.argsort([profile(exponents) for exponents in grid])[:FOLLOWED]
    options = {"xatol": 1e-6, "fatol": 1e-12, "maxfev": 300}
    found = [scipy.optimize.minimize(profile, grid[index], method="Nelder-Mead", options=options) for index in lowest]
    best: Array = min(found, key=lambda one: float(one.fun)).x
    objective, values = factors(best)
    named = dict(zip(("A", "B"), values[: len(best)] * np.exp(best * centre[:, 0]), strict=False))
    named |= dict(zip(("alpha", "beta"), best, strict=False)) | ({"E": values[-1]} if floor else {})
    return Projected(estimates={name: float(value) for name, value in named.items()}, objective=objective)


def _best_factors(terms: Array, loss: Array, delta: float) -> tuple[float, Array]:
    """Return the lowest objective and the non-negative factors (k,) of `terms` (rows, k) that reach it."""
    relative = terms / loss[:, None]
    weights = np.ones(len(loss))
    best, factors = np.inf, np.zeros(terms.shape[1])
    for _ in range(REWEIGHTINGS):
        root = np.sqrt(weights)
        values, _ = scipy.optimize.nnls(relative * root[:, None], root)
        share = relative @ values
        if not (share > 0).all():
            return best, factors
        residual = np.log(share)
        size = np.abs(residual)
        objective = float(np.where(size <= delta, 0.5 * size**2, delta * (size - 0.5 * delta)).sum())
        if objective > best * (1 - 1e-9):
            break
        best, factors = objective, values
        # With these weights the gradients of both problems vanish at the same factors.
        ratio = np.divide(residual, share - 1, out=np.ones_like(share), where=np.abs(share - 1) > 1e-12)
        weights = np.minimum(1.0, delta / np.maximum(size, 1e-300)) * ratio / share
    return best, factors
