"""Laws for a measure that rises with size towards a ceiling, such as an accuracy."""

import numpy as np

from engine.base.language import _
from engine.laws.form import Array, Form, Prediction, columns, grid
from engine.laws.power import EXPONENTS


def _saturating(theta: Array, x: Array) -> Prediction:
    ceiling, a, alpha = columns(theta)
    short = np.exp(a - alpha * x[0])
    values = ceiling - short
    return values, [np.ones_like(values), -short, short * x[0]]


def _saturating_starts(x: Array, y: Array) -> Array:
    spread = max(float(y.max() - y.min()), 1e-6)
    above, alpha = grid((0.01, 0.1, 0.5, 1.0), EXPONENTS)
    ceiling = y.max() + above * spread
    return np.stack([ceiling, np.log(ceiling - np.median(y)), alpha], axis=1)


def _sigmoid(theta: Array, x: Array) -> Prediction:
    low, rise, steep, middle = columns(theta)
    k = np.exp(steep)
    share = 1 / (1 + np.exp(-np.clip(k * (x[0] - middle), -500, 500)))
    grad = rise * share * (1 - share)
    return low + rise * share, [np.ones_like(share), share, grad * k * (x[0] - middle), -grad * k]


def _sigmoid_starts(x: Array, y: Array) -> Array:
    spread = max(float(y.max() - y.min()), 1e-6)
    steep, quantile, more = grid((0.3, 1.0, 3.0, 10.0), (0.1, 0.3, 0.5, 0.7, 0.9), (0.0, 0.5))
    low = np.full_like(steep, y.min())
    return np.stack([low, spread * (1 + more), np.log(steep), np.quantile(x[0], quantile)], axis=1)


SATURATING = Form(
    name="saturating",
    title=_("Power law below a ceiling"),
    formula="y(N) = ceiling − A·N^−alpha",
    source="the power law above a floor, mirrored",
    inputs=("n",),
    space="linear",
    predict=_saturating,
    starts=_saturating_starts,
    estimates=lambda theta, centre: {
        "ceiling": theta[:, 0],
        "A": np.exp(theta[:, 1] + theta[:, 2] * centre[0]),
        "alpha": theta[:, 2],
    },
)
SIGMOID = Form(
    name="sigmoid",
    title=_("Sigmoid in log size"),
    formula="y(N) = low + (high − low) / (1 + (N/middle)^−k)",
    source="a logistic curve in log size",
    inputs=("n",),
    space="linear",
    predict=_sigmoid,
    starts=_sigmoid_starts,
    estimates=lambda theta, centre: {
        "low": theta[:, 0],
        "high": theta[:, 0] + theta[:, 1],
        "k": np.exp(theta[:, 2]),
        "middle": np.exp(theta[:, 3] + centre[0]),
    },
)
