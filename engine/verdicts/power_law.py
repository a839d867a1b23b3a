"""Power law: the loss falls as a power of size, or of data, also at the largest sizes, which the fit has not seen."""

from dataclasses import dataclass

import numpy as np

from engine.base.language import _, _n
from engine.laws import catalog, checks
from engine.laws.observations import decades, observe
from engine.laws.result import Fit, number
from engine.verdicts import follow_up, words
from engine.verdicts.curves import Array
from engine.verdicts.intervals import LEAST_SEEDS, Effect, effect
from engine.verdicts.series import Series, mean
from engine.verdicts.verdict import Answer, FollowUp, Verdict

LEAST_SIZES = 4
"""Sizes below which no law is fitted."""
LEAST_DECADES = 1.0
"""Factors of ten of size below which no law is fitted."""
MISFIT = 0.05
"""Misfit of the mean curve, as a share of the loss, above which a curve has another shape than the law."""
BETTER = 0.5
"""The error of the law on the largest sizes, as a share of a flat line's, at most."""
LEAST_FALL = 0.1
"""Smallest fall of the loss over all sizes that counts, as a share."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """The law that fits best, and its exponent over seeds."""

    fit: Fit
    alpha: Effect
    misfit: float
    """Root mean square over sizes of log(mean loss) less the log of the law, beyond what the seeds' spread explains."""


def power_law(series: Series, metric: str = "test_loss") -> Verdict | None:
    """Return the verdict on `metric` against params, or against data; None for too few sizes or no positive loss."""
    table = series.last(metric)
    table = np.where(table > 0, table, np.nan)
    if len(series.sizes) < LEAST_SIZES or not np.isfinite(table).any():
        return None
    sizes = _sizes(series)
    over = decades(sizes)
    if over < LEAST_DECADES:
        larger = [series.sizes[-1] * 2**k for k in range(1, 4) if over + np.log10(2) * (k - 1) < LEAST_DECADES]
        why = [_("Sizes range over {decades:.2f} decades; an exponent needs at least one.", decades=over)]
        return _verdict(series, metric, None, "inconclusive", why, follow_up.other_sizes(series, larger))
    fall = effect(np.log(table[:, 0] / table[:, -1]))
    if fall.n < LEAST_SEEDS:
        more = follow_up.more_seeds(series, range(len(sizes)), [fall], LEAST_FALL)
        why = [
            _n(
                "{n} seed decide nothing; at least {least} do.",
                "{n} seeds decide nothing; at least {least} do.",
                fall.n,
                least=LEAST_SEEDS,
            )
        ]
        return _verdict(series, metric, None, "inconclusive", why, more)
    if fall.most < np.log(1 + LEAST_FALL):
        why = [
            _(
                "{metric} changes by a factor of {factor:.2f} from the smallest size to the largest ({low:.2f} to "
                "{high:.2f}): no fall worth the name.",
                metric=words.capital(words.metric_name(metric)),
                factor=np.exp(-fall.value),
                low=np.exp(-fall.high),
                high=np.exp(-fall.low),
            )
        ]
        return _verdict(series, metric, None, "not supported", why, None)
    if rises := _rise(table, sizes):
        return _verdict(series, metric, None, "not supported", [rises], None)
    law = _fitted(table, sizes)
    result, reasons = _answered(law, fall)
    runs = follow_up.more_seeds(series, range(len(sizes)), [law.alpha], 0.0) if result == "inconclusive" else None
    return _verdict(series, metric, law, result, reasons, runs)


def _sizes(series: Series) -> Array:
    return np.array(series.sizes, dtype=np.float64) if series.axis == "dataset_size" else series.params


def _rise(table: Array, sizes: Array) -> str:
    """Return a sentence where the mean loss rises by more than noise, so that no law need be fitted; else ""."""
    means, low = mean(table), 0
    for index in range(1, len(sizes)):
        rise = effect(np.log(table[:, index] / table[:, low]))
        if rise.low > 0 and rise.value > np.log(1 + LEAST_FALL):
            return _(
                "The loss is not monotone: it rises from {low:.4g} at {smaller:,.0f} to {high:.4g} at {larger:,.0f}. "
                "No power law does.",
                low=means[low],
                smaller=sizes[low],
                high=means[index],
                larger=sizes[index],
            )
        low = index if means[index] < means[low] else low
    return ""


def _fitted(table: Array, sizes: Array) -> Law:
    """Return the power law with a floor; where it is refused, the one without if that is accepted or fits better."""
    unit, size = np.nonzero(np.isfinite(table))
    rows = observe(sizes[size], table[unit, size], run=[str(u) for u in unit])
    floored = _law(catalog.fit("power-offset", rows, bootstrap=0), table, sizes)
    if not floored.fit.refusals:
        return floored
    plain = _law(catalog.fit("power", rows, bootstrap=0), table, sizes)
    return min(plain, floored, key=lambda law: (len(law.fit.refusals) > 0, law.misfit))


def _law(fit: Fit, table: Array, sizes: Array) -> Law:
    expected = fit.at(sizes[None])[0]
    residuals = np.log(table / expected)
    known = np.isfinite(residuals).sum(axis=0)
    squares = np.where(np.isfinite(residuals), (residuals - mean(residuals)) ** 2, 0.0).sum(axis=0)
    noise = np.divide(squares, (known - 1) * known, out=np.zeros(len(sizes)), where=known > 1)
    misfit = np.log(mean(table) / expected) ** 2 - noise
    return Law(
        fit=fit,
        alpha=effect(fit.estimates["alpha"] + _influence(fit, sizes, residuals)),
        misfit=float(np.sqrt(max(0.0, np.nanmean(misfit)))),
    )


def _influence(fit: Fit, sizes: Array, residuals: Array) -> Array:
    """Return by how much each unit's log residuals (units, sizes) by themselves would change the exponent, (units,).

    To first order, by least squares in log A, the exponent and the floor, where there is one.
    """
    logs, floor = np.log(sizes), fit.estimates.get("E", 0.0)
    power = fit.estimates["A"] * sizes ** -fit.estimates["alpha"]
    share = power / (power + floor)
    derivatives = np.stack([share, -share * logs, 1 - share], axis=1)[:, : 3 if floor > 0 else 2]
    found = [(derivatives[known], row[known]) for row in residuals if (known := np.isfinite(row)).any()]
    return np.array([np.linalg.lstsq(of, row, rcond=None)[0][1] for of, row in found])


def _answered(law: Law, fall: Effect) -> tuple[Answer, list[str]]:
    """Return the answer on a fitted law, and the reasons for it."""
    held, refusals = law.fit.held_out, list(law.fit.refusals)
    rises = checks.rises(law.fit)
    reasons = [
        _(
            "{formula} misses the mean curve by {misfit:.1f} %, noise of the seeds left out.",
            formula=law.fit.formula,
            misfit=100 * law.misfit,
        )
    ]
    if held is not None:
        reasons.append(
            _(
                "Fitted without the largest ({count} of the sizes), it errs there by {error:.1f} %; a flat line by "
                "{flat:.1f} %.",
                count=len(held.sizes),
                error=100 * held.error,
                flat=100 * held.flat_error,
            )
        )
    bent = law.misfit > MISFIT
    if bent:
        reasons.append(
            _("Up to {most:.0f} % is taken for the same law: this curve has another shape.", most=100 * MISFIT)
        )
    if bent or rises:
        return "not supported", reasons + rises
    forecasts = held is not None and held.error <= BETTER * held.flat_error
    if refusals or not forecasts or law.alpha.low <= 0 or fall.low <= 0:
        return "inconclusive", reasons + refusals
    return "supported", reasons


def _verdict(
    series: Series, metric: str, law: Law | None, result: Answer, why: list[str], runs: FollowUp | None
) -> Verdict:
    alpha = law.alpha if law is not None else effect(np.empty(0))
    what = _("examples") if series.axis == "dataset_size" else _("parameters")
    return Verdict(
        claim="power-law",
        answer=result,
        series=series.name,
        metric=metric,
        effect=number(alpha.value),
        unit=_("exponent of {what}", what=what),
        low=number(alpha.low),
        high=number(alpha.high),
        n_seeds=alpha.n or len(series.units),
        where=_where(_sizes(series), what, law),
        why=(*why, *words.caveats(series)),
        follow_up=runs,
    )


def _where(sizes: Array, what: str, law: Law | None) -> str:
    """Return the range of the sizes, and the law where one was fitted."""
    low, high = sizes[0], sizes[-1]
    if law is None:
        return _("From {low:,.0f} to {high:,.0f} {what}.", low=low, high=high, what=what)
    formula, alpha, floor = law.fit.formula, law.alpha.value, law.fit.estimates.get("E", 0.0)
    if not floor:
        return _(
            "From {low:,.0f} to {high:,.0f} {what}, {formula} with alpha {alpha:.3g} and no floor.",
            low=low,
            high=high,
            what=what,
            formula=formula,
            alpha=alpha,
        )
    return _(
        "From {low:,.0f} to {high:,.0f} {what}, {formula} with alpha {alpha:.3g} and floor {floor:.3g}.",
        low=low,
        high=high,
        what=what,
        formula=formula,
        alpha=alpha,
        floor=floor,
    )
