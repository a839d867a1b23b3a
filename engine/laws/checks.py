"""What rows do not support: the sentences of a fit's refusals."""

from dataclasses import replace

import numpy as np

from engine.base.language import _
from engine.laws.form import Form
from engine.laws.minimize import Array
from engine.laws.observations import Observations, decades
from engine.laws.result import Fit

LEAST_DECADES = 1.0
"""Factors of ten of an input below which its exponent is not supported."""
TOGETHER = 0.95
"""Correlation of log n and log d above which their exponents cannot be told apart."""
WIDE = 0.35
"""Share of the lowest loss that the 90 % interval of a floor may span."""
NO_FLOOR = 1e-3
"""Share of the lowest loss below which a floor is none."""
RISE = 0.01
"""Least rise of the mean loss from one size to a larger one that counts, as a share."""
LOWER = 1e-4
"""Share by which the objective of variable projection must be lower to count."""
WORSE = 1.5
"""A law's error on held-out rows, as a multiple of a flat line's, up to which the difference may be chance."""
_FALLING = ("power", "power-offset")
_Z90 = 1.645


def checked(fit: Fit, form: Form, jacobian: Array) -> Fit:
    """Return `fit` with its refusals; `jacobian`: (rows, p), derivatives of the residuals at its parameters."""
    rows = fit.observations
    found = [*_ranges(fit), *rises(fit), *_together(rows, form)]
    found += [*_trades(fit, jacobian), *_starts(fit), *_forecast(fit)]
    return replace(fit, refusals=tuple(found))


def size_means(rows: Observations) -> tuple[Array, Array, Array]:
    """Return each size, the mean loss of its rows, and the standard error of that mean, (sizes,) each.

    The standard error of a size with one row is NaN.
    """
    sizes, index = np.unique(rows.n, return_inverse=True)
    count = np.bincount(index)
    means = np.bincount(index, rows.loss) / count
    squares = np.bincount(index, (rows.loss - means[index]) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.sqrt(squares / (count - 1) / count)
    return sizes, means, errors


def _ranges(fit: Fit) -> list[str]:
    found = []
    for name, (low, high) in fit.seen.items():
        over = decades(np.array([low, high]))
        if over < LEAST_DECADES and fit.law != "flat":
            found.append(
                _(
                    "{name} ranges over {decades:.2f} decades ({low:.4g} to {high:.4g}): less than one does not "
                    "support an exponent; add rows whose {name} is at least {wanted:.4g}.",
                    name=name,
                    decades=over,
                    low=low,
                    high=high,
                    wanted=10 * low,
                )
            )
    return found


def rises(fit: Fit) -> list[str]:
    """Return a refusal where a law of one size falls but the loss rises with size by more than noise; else nothing."""
    if fit.law not in _FALLING:
        return []
    sizes, means, errors = size_means(fit.observations)
    noise = np.nan_to_num(errors, nan=float(np.nanmedian(errors)) if np.isfinite(errors).any() else 0.0)
    lowest = np.minimum.accumulate(means)
    at = np.array([int(np.flatnonzero(means[: i + 1] == low)[0]) for i, low in enumerate(lowest)])
    rise = means - lowest
    limit = np.maximum(RISE * lowest, 3 * np.sqrt(noise**2 + noise[at] ** 2))
    if not (rise > limit).any():
        return []
    worst = int((rise - limit).argmax())
    return [
        _(
            "The loss is not monotone: it rises from {low:.4g} at n = {smaller:.4g} to {high:.4g} at n = {larger:.4g}. "
            "No power law does; fit the sizes on one side of the rise, or the law `broken`.",
            low=lowest[worst],
            smaller=sizes[at[worst]],
            high=means[worst],
            larger=sizes[worst],
        )
    ]


def _together(rows: Observations, form: Form) -> list[str]:
    if "d" not in form.inputs:
        return []
    logs = rows.inputs(("n", "d"))
    if logs.std(axis=1).min() == 0:
        return [_("n or d is the same in every row: only the law of the other can be fitted.")]
    correlation = float(np.corrcoef(logs[0], logs[1]).flat[1])
    if abs(correlation) <= TOGETHER:
        return []
    return [
        _(
            "n and d vary together (correlation {correlation:.2f} of their logs): their exponents cannot be told "
            "apart; add rows with other data for the same size.",
            correlation=correlation,
        )
    ]


def _trades(fit: Fit, jacobian: Array) -> list[str]:
    """Refuse parameters that trade off, by their covariance at the minimum (Gauss–Newton)."""
    if "E" not in fit.estimates or fit.law == "flat":
        return []
    free = jacobian.shape[1]
    scale = float(np.sum(fit.residuals**2)) / max(1, len(fit.residuals) - free)
    try:
        covariance = scale * np.linalg.inv(jacobian.T @ jacobian)
    except np.linalg.LinAlgError:
        return [_("The parameters cannot be told apart at all: use a law with fewer, or more different rows.")]
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    floor, lowest = fit.estimates["E"], float(fit.observations.loss.min())
    width = floor * 2 * _Z90 * spread[2]  # log E is the third parameter of every law with a floor
    if floor < NO_FLOOR * lowest:
        return [_("No floor can be told from 0 here: the law without one, `power`, says the same with less.")]
    if width > WIDE * lowest:
        return [
            _(
                "The floor E = {floor:.4g} and the exponent trade off: any from {low:.4g} to {high:.4g} fits about as "
                "well. Larger sizes would settle it; do not forecast beyond the sizes seen.",
                floor=floor,
                low=max(0.0, floor - width / 2),
                high=max(floor, min(floor + width / 2, lowest)),
            )
        ]
    return []


def _starts(fit: Fit) -> list[str]:
    other = fit.projected
    if other is not None and other.objective < fit.objective * (1 - LOWER) - 1e-12:
        return [
            _(
                "Variable projection finds a lower objective, {lower:.6g} for {found:.6g}: the search has missed the "
                "best fit; do not use this one.",
                lower=other.objective,
                found=fit.objective,
            )
        ]
    if fit.reached > 1 or fit.starts == 1:
        return []
    return [
        _("Only one of {starts} starts reached the best objective: there may be a better fit still.", starts=fit.starts)
    ]


def _forecast(fit: Fit) -> list[str]:
    held = fit.held_out
    if fit.law == "flat":
        return []
    if held is None:
        return [_("There are too few sizes to hold the largest out: nothing says how the law forecasts.")]
    if held.error <= held.flat_error or held.error <= min(2 * held.in_sample_error, WORSE * held.flat_error):
        return []
    return [
        _(
            "On the {count} largest held out it errs by {error:.2g} %, a flat line by {flat:.2g} %: do not forecast "
            "with it.",
            count=len(held.sizes),
            error=100 * held.error,
            flat=100 * held.flat_error,
        )
    ]
