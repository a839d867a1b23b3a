"""Laws of one size: a flat line, a power law, and a power law above a floor."""

import numpy as np

from engine.base.language import _
from engine.laws.form import Array, Form, Prediction, columns, grid, log_sum

FLOORS = (0.0, 0.2, 0.5, 0.8, 0.95, 0.99)
"""Floors from which the search starts, as shares of the lowest loss."""
EXPONENTS = (0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 2.0)
"""Exponents from which the search starts."""


def _flat(theta: Array, x: Array) -> Prediction:
    (level,) = columns(theta)
    values = level + 0 * x[0]
    return values, [np.ones_like(values)]


def _power(theta: Array, x: Array) -> Prediction:
    a, alpha = columns(theta)
    values = a - alpha * x[0]
    return values, [np.ones_like(values), np.broadcast_to(-x[0], values.shape)]


def _power_starts(x: Array, y: Array) -> Array:
    return np.array([[y.mean(), exponent] for exponent in EXPONENTS])


def _offset(theta: Array, x: Array) -> Prediction:
    a, alpha, e = columns(theta)
    values, (power, floor) = log_sum([a - alpha * x[0], e])
    return values, [power, -power * x[0], floor]


def _offset_starts(x: Array, y: Array) -> Array:
    alpha, share = grid(EXPONENTS, FLOORS[1:])
    lowest, middle = np.exp(y.min()), np.exp(np.median(y))
    floor = share * lowest
    return np.stack([np.log(np.maximum(middle - floor, 0.01 * lowest)), alpha, np.log(floor)], axis=1)


FLAT = Form(
    name="flat",
    title=_("A flat line"),
    formula="L = E",
    source="the baseline of every other law",
    inputs=("n",),
    predict=_flat,
    starts=lambda x, y: np.array([[np.median(y)], [y.mean()]]),
    estimates=lambda theta, centre: {"E": np.exp(theta[:, 0])},
)
POWER = Form(
    name="power",
    title=_("Power law"),
    formula="L(N) = A·N^−alpha",
    source="arXiv:2001.08361 eq. 1.1",
    inputs=("n",),
    sums_powers=True,
    predict=_power,
    starts=_power_starts,
    estimates=lambda theta, centre: {"A": np.exp(theta[:, 0] + theta[:, 1] * centre[0]), "alpha": theta[:, 1]},
)
OFFSET = Form(
    name="power-offset",
    title=_("Power law above a floor"),
    formula="L(N) = E + A·N^−alpha",
    source="arXiv:2010.14701 eq. 1.1",
    inputs=("n",),
    sums_powers=True,
    predict=_offset,
    starts=_offset_starts,
    estimates=lambda theta, centre: {
        "E": np.exp(theta[:, 2]),
        "A": np.exp(theta[:, 0] + theta[:, 1] * centre[0]),
        "alpha": theta[:, 1],
    },
)
