"""What rows do not support: the sentences with which a fit refuses."""

from dataclasses import replace

import numpy as np

from engine.laws.fit import Fit
from engine.laws.form import Form
from engine.laws.minimize import Array
from engine.laws.observations import Observations, decades

LEAST_DECADES = 1.0
"""Factors of ten of an input below which an exponent says little."""
TOGETHER = 0.95
"""Correlation of log n and log d above which their exponents cannot be told apart."""
WIDE = 0.35
"""Share of the lowest loss that the 90 % interval of a floor may span."""
NO_FLOOR = 1e-3
"""Share of the lowest loss below which a floor is none."""
RISE = 0.01
"""Least rise of the mean loss from one size to a larger one that counts, as a share."""
LOWER = 1e-4
"""Share by which another way has to find a lower objective to count."""
WORSE = 1.5
"""How many times a flat line's error on what it has not seen a law's may be, as by chance."""
_FALLING = ("power", "power-offset")
_Z90 = 1.645


def checked(fit: Fit, form: Form, jacobian: Array) -> Fit:
    """Return `fit` with what its rows do not support; `jacobian` (rows, p) of the residuals at its parameters."""
    rows = fit.observations
    found = [*_ranges(fit), *_rises(rows, form), *_together(rows, form)]
    found += [*_trades(fit, jacobian), *_starts(fit), *_ahead(fit)]
    return replace(fit, refusals=tuple(found))


def size_means(rows: Observations) -> tuple[Array, Array, Array]:
    """Return each size, the mean loss of its rows, and the standard error of that mean (NaN where it is one row)."""
    sizes, place = np.unique(rows.n, return_inverse=True)
    count = np.bincount(place)
    means = np.bincount(place, rows.loss) / count
    squares = np.bincount(place, (rows.loss - means[place]) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.sqrt(squares / (count - 1) / count)
    return sizes, means, errors


def _ranges(fit: Fit) -> list[str]:
    found = []
    for name, (low, high) in fit.seen.items():
        over = decades(np.array([low, high]))
        if over < LEAST_DECADES and fit.law != "flat":
            found.append(
                f"{name} ranges over {over:.2f} decades ({low:.4g} to {high:.4g}): less than one does not support an "
                f"exponent; add rows whose {name} is at least {10 * low:.4g}."
            )
    return found


def _rises(rows: Observations, form: Form) -> list[str]:
    """Refuse a falling law of one size where the loss rises with it by more than noise."""
    if form.name not in _FALLING:
        return []
    sizes, means, errors = size_means(rows)
    noise = np.nan_to_num(errors, nan=float(np.nanmedian(errors)) if np.isfinite(errors).any() else 0.0)
    lowest = np.minimum.accumulate(means)
    at = np.array([int(np.flatnonzero(means[: i + 1] == low)[0]) for i, low in enumerate(lowest)])
    rise = means - lowest
    limit = np.maximum(RISE * lowest, 3 * np.sqrt(noise**2 + noise[at] ** 2))
    if not (rise > limit).any():
        return []
    worst = int((rise - limit).argmax())
    return [
        f"The loss is not monotone: it rises from {lowest[worst]:.4g} at n = {sizes[at[worst]]:.4g} to "
        f"{means[worst]:.4g} at n = {sizes[worst]:.4g}. No power law does; fit the sizes on one side of the rise, or "
        "the law `broken`."
    ]


def _together(rows: Observations, form: Form) -> list[str]:
    if "d" not in form.inputs:
        return []
    logs = rows.inputs(("n", "d"))
    if logs.std(axis=1).min() == 0:
        return ["n or d is the same in every row: only the law of the other can be fitted."]
    correlation = float(np.corrcoef(logs[0], logs[1]).flat[1])
    if abs(correlation) <= TOGETHER:
        return []
    return [
        f"n and d vary together (correlation {correlation:.2f} of their logs): their exponents cannot be told apart; "
        "add rows with other data for the same size."
    ]


def _trades(fit: Fit, jacobian: Array) -> list[str]:
    """Refuse parameters that a change of others makes up for, by their covariance at the minimum (Gauss–Newton)."""
    if "E" not in fit.estimates or fit.law == "flat":
        return []
    free = jacobian.shape[1]
    scale = float(np.sum(fit.residuals**2)) / max(1, len(fit.residuals) - free)
    try:
        covariance = scale * np.linalg.inv(jacobian.T @ jacobian)
    except np.linalg.LinAlgError:
        return ["The parameters cannot be told apart at all: use a law with fewer, or more different rows."]
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    floor, lowest = fit.estimates["E"], float(fit.observations.loss.min())
    place = 2  # of log E, in every law with a floor
    width = floor * 2 * _Z90 * spread[place]
    if floor < NO_FLOOR * lowest:
        return ["No floor can be told from 0 here: the law without one, `power`, says the same with less."]
    if width > WIDE * lowest:
        return [
            f"The floor E = {floor:.4g} and the exponent trade off: any from {max(0.0, floor - width / 2):.4g} to "
            f"{max(floor, min(floor + width / 2, lowest)):.4g} fits about as well. Larger sizes would settle "
            "it; do not forecast beyond the sizes seen."
        ]
    return []


def _starts(fit: Fit) -> list[str]:
    other = fit.projected
    if other is not None and other.objective < fit.objective * (1 - LOWER) - 1e-12:
        return [
            f"Variable projection finds a lower objective, {other.objective:.6g} for {fit.objective:.6g}: the search "
            "has missed the best fit; do not use this one."
        ]
    if fit.reached > 1 or fit.starts == 1:
        return []
    return [f"Only one of {fit.starts} starts reached the best objective: there may be a better fit still."]


def _ahead(fit: Fit) -> list[str]:
    held = fit.held_out
    if fit.law == "flat":
        return []
    if held is None:
        return ["There are too few sizes to hold the largest out: nothing says how the law forecasts."]
    if held.error <= held.flat_error or held.error <= min(2 * held.in_sample_error, WORSE * held.flat_error):
        return []
    return [
        f"On the {len(held.sizes)} largest held out it errs by {100 * held.error:.2g} %, a flat line by "
        f"{100 * held.flat_error:.2g} %: do not forecast with it."
    ]
