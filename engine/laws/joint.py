"""Laws of size and data: the joint law, and the one for data that repeats."""

import numpy as np

from engine.base.language import _
from engine.laws.form import Array, Form, Prediction, columns, grid, log_sum
from engine.laws.power import FLOORS

_EXPONENTS = (0.1, 0.3, 0.6, 1.0)


def _joint(theta: Array, x: Array) -> Prediction:
    a, b, e, alpha, beta = columns(theta)
    values, (size, data, floor) = log_sum([a - alpha * x[0], b - beta * x[1], e])
    return values, [size, data, floor, -size * x[0], -data * x[1]]


def _joint_starts(x: Array, y: Array) -> Array:
    alpha, beta, share = grid(_EXPONENTS, _EXPONENTS, FLOORS[1:5])
    lowest, middle = np.exp(y.min()), np.exp(np.median(y))
    half = np.log(np.maximum(middle - share * lowest, 0.01 * lowest) / 2)
    return np.stack([half, half, np.log(share * lowest), alpha, beta], axis=1)


def _joint_estimates(theta: Array, centre: Array) -> dict[str, Array]:
    a, b, e, alpha, beta = theta.T
    with np.errstate(all="ignore"):
        share = beta / (alpha + beta)
    return {
        "E": np.exp(e),
        "A": np.exp(a + alpha * centre[0]),
        "B": np.exp(b + beta * centre[1]),
        "alpha": alpha,
        "beta": beta,
        "a": share,
        "b": 1 - share,
    }


def _effective(log: Array, unique: Array, half_life: Array) -> tuple[Array, Array, Array]:
    """Return the log of the effective amount, and its derivatives by `unique` and by the log of the half life.

    x = exp(`log`), of which u = exp(`unique`) are unique, is worth u + u·r·(1 − exp(−R/r)) with R = x/u − 1 repetitions
    and the half life r.
    """
    repeats = np.expm1(np.maximum(log - unique, 0.0))
    fading = np.exp(-repeats / half_life)
    gain = 1 + half_life * (1 - fading)
    by_unique = 1 - fading * (repeats + 1) / gain
    by_half_life = half_life * (1 - fading - repeats / half_life * fading) / gain
    return unique + np.log(gain), by_unique, by_half_life


def _repeated(theta: Array, x: Array) -> Prediction:
    a, b, e, alpha, rd, rn = columns(theta)
    size, data = x[0], x[1]
    unique_data = np.minimum(x[2], data)
    best = unique_data + (a - b) / alpha  # the size that suits the unique data, as alpha = beta
    spare = best < size  # elsewhere no parameter is in excess
    unique_size = np.where(spare, best, size)
    n, n_by_unique, n_by_rn = _effective(size, unique_size, np.exp(rn))
    d, _, d_by_rd = _effective(data, np.broadcast_to(unique_data, n.shape), np.exp(rd))
    values, (of_size, of_data, floor) = log_sum([a - alpha * n, b - alpha * d, e])
    through = np.where(spare, -n_by_unique, 0.0)  # a, b and alpha also change the unique size
    return values, [
        of_size * (1 + through),
        of_data - of_size * through,
        floor,
        -of_size * n - of_data * d - of_size * through * (a - b) / alpha,
        -of_data * alpha * d_by_rd,
        -of_size * alpha * n_by_rn,
    ]


def _repeated_starts(x: Array, y: Array) -> Array:
    alpha, share, rd, rn = grid((0.2, 0.35, 0.6), (0.2, 0.5, 0.8), (3.0, 15.0), (3.0, 15.0))
    lowest, middle = np.exp(y.min()), np.exp(np.median(y))
    half = np.log(np.maximum(middle - share * lowest, 0.01 * lowest) / 2)
    return np.stack([half, half, np.log(share * lowest), alpha, np.log(rd), np.log(rn)], axis=1)


def _repeated_estimates(theta: Array, centre: Array) -> dict[str, Array]:
    a, b, e, alpha, rd, rn = theta.T
    return {
        "E": np.exp(e),
        "A": np.exp(a + alpha * centre[0]),
        "B": np.exp(b + alpha * centre[1]),
        "alpha": alpha,
        "beta": alpha,
        "rd_star": np.exp(rd),
        "rn_star": np.exp(rn),
    }


CHINCHILLA = Form(
    name="chinchilla",
    title=_("Joint law of size and data"),
    formula="L(N, D) = E + A·N^−alpha + B·D^−beta",
    source="arXiv:2203.15556 approach 3",
    inputs=("n", "d"),
    sums_powers=True,
    predict=_joint,
    starts=_joint_starts,
    estimates=_joint_estimates,
)
DATA_CONSTRAINED = Form(
    name="data-constrained",
    title=_("Joint law of size and repeated data"),
    formula=_("L = E + A·N′^−alpha + B·D′^−alpha, U′ = U + U·R*·(1 − exp(−R/R*)) of R repetitions"),
    source="arXiv:2305.16264 §3, with alpha = beta",
    inputs=("n", "d", "unique"),
    predict=_repeated,
    starts=_repeated_starts,
    estimates=_repeated_estimates,
)
