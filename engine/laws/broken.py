"""The broken power law: straight pieces on log axes that bend smoothly into each other, above a floor."""

import numpy as np

from engine.base.language import _, _n
from engine.laws.form import Array, Form, Prediction, columns, log_sum

MOST_BREAKS = 4
"""Breaks up to which the law is fitted."""


def broken(breaks: int) -> Form:
    """Return the law with `breaks` breaks. Raises: ValueError: for fewer than 1 or more than MOST_BREAKS."""
    if not 1 <= breaks <= MOST_BREAKS:
        raise ValueError(_("breaks={breaks} is not possible; allowed: 1 to {most}.", breaks=breaks, most=MOST_BREAKS))
    return Form(
        name="broken",
        title=_n("Broken power law, {n} break", "Broken power law, {n} breaks", breaks),
        formula="L(N) = a + b·N^−c0·∏(1 + (N/d_i)^(1/f_i))^(−c_i·f_i)",
        source="arXiv:2210.14891 eq. 1",
        inputs=("n",),
        predict=_predict,
        starts=lambda x, y: _starts(x[0], y, breaks),
        estimates=_estimates,
    )


def _predict(theta: Array, x: Array) -> Prediction:
    """Predict from log a, log b, c0, and for each break c, log d and log f."""
    floor, level, exponent, *breaks = columns(theta)
    power = level - exponent * x[0]
    by_breaks: list[Array] = []
    for c, d, log_f in zip(breaks[::3], breaks[1::3], breaks[2::3], strict=True):
        f = np.exp(log_f)
        reach = (x[0] - d) / f
        soft = np.logaddexp(0.0, reach)
        past = np.exp(reach - soft)  # the logistic function
        power = power - c * f * soft
        by_breaks += [-f * soft, c * past, -c * f * (soft - reach * past)]
    values, (of_floor, of_power) = log_sum([floor, power])
    by_level = [of_power, -of_power * x[0]]
    return values, [of_floor, *by_level, *(of_power * by for by in by_breaks)]


def _starts(x: Array, y: Array, breaks: int) -> Array:
    """Start from the least-squares line, with breaks at random sizes, of random strengths and widths."""
    rng = np.random.default_rng(0)
    span, lowest = float(x.max() - x.min()), float(y.min())
    if span == 0:
        raise ValueError(_("n is the same in every row; allowed: several sizes, between which a law can break."))
    line = np.polyfit(x, y, 1)
    starts = []
    for floor in (0.01, 0.5, 0.9):
        for _start in range(40 * breaks):
            sizes = np.sort(rng.uniform(x.min(), x.max(), breaks))
            changes = rng.normal(0.0, abs(line[0]) + 0.2, breaks)
            widths = np.log(span * rng.uniform(0.02, 0.5, breaks))
            level = line[1] + sum(c * max(0.0, float(np.median(x)) - d) for c, d in zip(changes, sizes, strict=True))
            parts = [value for part in zip(changes, sizes, widths, strict=True) for value in part]
            starts.append([lowest + np.log(floor), level, -line[0], *parts])
    return np.array(starts)


def _estimates(theta: Array, centre: Array) -> dict[str, Array]:
    found = {"a": np.exp(theta[:, 0]), "b": np.exp(theta[:, 1] + theta[:, 2] * centre[0]), "c0": theta[:, 2]}
    sizes = theta[:, 4::3]
    order = np.argsort(sizes, axis=1)  # so that the first break is the same one in every bootstrap sample
    for number in range(sizes.shape[1]):
        which = order[:, number : number + 1]
        found[f"c{number + 1}"] = np.take_along_axis(theta[:, 3::3], which, axis=1)[:, 0]
        found[f"d{number + 1}"] = np.exp(np.take_along_axis(sizes, which, axis=1)[:, 0] + centre[0])
        found[f"f{number + 1}"] = np.exp(np.take_along_axis(theta[:, 5::3], which, axis=1)[:, 0])
    return found
