"""Power law: the loss falls as a power of size, or of data, also where the fit has not looked."""

from dataclasses import dataclass

import numpy as np

from engine.laws import library
from engine.laws.fit import Fit, number
from engine.laws.observations import decades, observe
from engine.verdicts import settle, words
from engine.verdicts.curves import Array
from engine.verdicts.intervals import LEAST_SEEDS, Effect, effect
from engine.verdicts.series import Series, mean
from engine.verdicts.verdict import Answer, Settle, Verdict

LEAST_SIZES = 4
LEAST_DECADES = 1.0
MISFIT = 0.05
"""Typical misfit of the mean curve, as a share of the loss, from which on a law is not that of the curve."""
BETTER = 0.5
"""Share of a flat line's error on the largest sizes that the law may make there."""
WORTH = 0.1
"""Least fall of the loss over all sizes worth the name, as a share."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """The law that fits best, and what the seeds say of its exponent."""

    fit: Fit
    alpha: Effect
    misfit: float
    """Root mean square over sizes of log(mean loss) less the law, beyond what the seeds' spread explains."""


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
        why = [f"Sizes range over {over:.2f} decades; an exponent needs at least one."]
        return _verdict(series, metric, None, "inconclusive", why, settle.other_sizes(series, larger))
    fall = effect(np.log(table[:, 0] / table[:, -1]))
    if fall.n < LEAST_SEEDS:
        more = settle.more_seeds(series, range(len(sizes)), [fall], WORTH)
        why = [f"{words.capital(words.seeds(fall.n))} decide nothing; at least {LEAST_SEEDS} do."]
        return _verdict(series, metric, None, "inconclusive", why, more)
    if fall.most < np.log(1 + WORTH):
        why = [
            f"{words.capital(words.spoken(metric))} changes by a factor of {np.exp(-fall.value):.2f} from the smallest "
            f"size to the largest ({np.exp(-fall.high):.2f} to {np.exp(-fall.low):.2f}): no fall worth the name."
        ]
        return _verdict(series, metric, None, "not supported", why, None)
    if rises := _rise(table, sizes):
        return _verdict(series, metric, None, "not supported", [rises], None)
    law = _fitted(table, sizes)
    result, reasons = _judged(law, fall)
    runs = settle.more_seeds(series, range(len(sizes)), [law.alpha], 0.0) if result == "inconclusive" else None
    return _verdict(series, metric, law, result, reasons, runs)


def _sizes(series: Series) -> Array:
    return np.array(series.sizes, dtype=np.float64) if series.axis == "dataset_size" else series.params


def _rise(table: Array, sizes: Array) -> str:
    """Return that the mean rises with size by more than noise, "" where it does not: then no law need be fitted."""
    means, low = mean(table), 0
    for place in range(1, len(sizes)):
        rise = effect(np.log(table[:, place] / table[:, low]))
        if rise.low > 0 and rise.value > np.log(1 + WORTH):
            at = f"{means[low]:.4g} at {sizes[low]:,.0f} to {means[place]:.4g} at {sizes[place]:,.0f}"
            return f"The loss is not monotone: it rises from {at}. No power law does."
        low = place if means[place] < means[low] else low
    return ""


def _fitted(table: Array, sizes: Array) -> Law:
    """Return the power law with a floor; where that is refused, the one without if it is not or fits better."""
    unit, place = np.nonzero(np.isfinite(table))
    rows = observe(sizes[place], table[unit, place], run=[str(u) for u in unit])
    floored = _law(library.fit("power-offset", rows, bootstrap=0), table, sizes)
    if not floored.fit.refusals:
        return floored
    plain = _law(library.fit("power", rows, bootstrap=0), table, sizes)
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
    """Return by how much each unit's log residuals (units, sizes) would move the exponent alone, (units,).

    To first order, by least squares in log A, the exponent and the floor, where there is one.
    """
    logs, floor = np.log(sizes), fit.estimates.get("E", 0.0)
    power = fit.estimates["A"] * sizes ** -fit.estimates["alpha"]
    share = power / (power + floor)
    slopes = np.stack([share, -share * logs, 1 - share], axis=1)[:, : 3 if floor > 0 else 2]
    found = [(slopes[known], row[known]) for row in residuals if (known := np.isfinite(row)).any()]
    return np.array([np.linalg.lstsq(of, row, rcond=None)[0][1] for of, row in found])


def _judged(law: Law, fall: Effect) -> tuple[Answer, list[str]]:
    held, alpha, refusals = law.fit.held_out, law.alpha, law.fit.refusals
    reasons = [f"{law.fit.formula} misses the mean curve by {100 * law.misfit:.1f} %, noise of the seeds left out."]
    ahead = held is not None and held.error <= BETTER * held.flat_error
    if held is not None:
        reasons.append(
            f"Fitted without the largest ({len(held.sizes)} of the sizes), it errs there by {100 * held.error:.1f} %; "
            f"a flat line by {100 * held.flat_error:.1f} %."
        )
    bent = law.misfit > MISFIT
    if bent:
        reasons.append(f"Up to {100 * MISFIT:.0f} % is taken for the same law: this curve has another shape.")
    rises = [sentence for sentence in refusals if "not monotone" in sentence]
    if bent or rises:
        return "not supported", reasons + rises
    if refusals or not ahead or alpha.low <= 0 or fall.low <= 0:
        return "inconclusive", reasons + list(refusals)
    return "supported", reasons


def _verdict(
    series: Series, metric: str, law: Law | None, result: Answer, why: list[str], runs: Settle | None
) -> Verdict:
    alpha = law.alpha if law is not None else effect(np.empty(0))
    what = "examples" if series.axis == "dataset_size" else "parameters"
    sizes = _sizes(series)
    where = f"From {sizes[0]:,.0f} to {sizes[-1]:,.0f} {what}"
    if law is not None:
        floor = law.fit.estimates.get("E", 0.0)
        where += f", {law.fit.formula} with alpha {alpha.value:.3g} and {f'floor {floor:.3g}' if floor else 'no floor'}"
    return Verdict(
        claim="power-law",
        answer=result,
        series=series.name,
        metric=metric,
        effect=number(alpha.value),
        unit=f"exponent of {what}",
        low=number(alpha.low),
        high=number(alpha.high),
        n_seeds=alpha.n or len(series.units),
        where=f"{where}.",
        why=(*why, *words.caveats(series)),
        settle=runs,
    )
