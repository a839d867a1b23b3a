"""Overfits with size: the largest models are worse than the best smaller ones, though they fit their data no worse."""

import numpy as np

from engine.base.language import _, _n
from engine.verdicts import follow_up, words
from engine.verdicts.curves import Array
from engine.verdicts.intervals import answer, at, effect, minimum_effect, most_common, nearby, select_by_others
from engine.verdicts.series import Series, mean
from engine.verdicts.verdict import Verdict


def overfits(series: Series, metric: str) -> Verdict | None:
    """Return the verdict on `series`, whose axis is size; None where there is one size."""
    if len(series.sizes) < 2:
        return None
    table = series.last(metric)
    if not np.isfinite(table).any():
        return None
    lowest = select_by_others(table, _lowest, caution=1.0)[:, 0]
    (valley,), last = most_common(lowest[:, None]), np.full(len(table), table.shape[1] - 1)
    rise = effect(at(table, last) - at(table, lowest), nearby(table, last, lowest))
    fit = series.last("train_error")
    fit_rise = effect(at(fit, last) - at(fit, lowest), nearby(fit, last, lowest))
    minimum = minimum_effect(metric, float(mean(table)[valley]))
    found = answer([rise], [minimum])
    what = words.capital(words.metric_name(metric))
    start, end = words.size(series, valley), words.size(series, len(series.sizes) - 1)
    why = [
        _n(
            "{metric} from {start}, about where it is lowest, to {end}, the largest: {change} over {n} seed; a change "
            "worth the name is {minimum}.",
            "{metric} from {start}, about where it is lowest, to {end}, the largest: {change} over {n} seeds; a change "
            "worth the name is {minimum}.",
            rise.n,
            metric=what,
            start=start,
            end=end,
            change=words.span(rise, metric),
            minimum=words.amount(minimum, metric),
        ),
        _(
            "Training error goes from {first} to {last}.",
            first=words.level(series.fit_error[valley], "train_error"),
            last=words.level(series.fit_error[-1], "train_error"),
        ),
    ]
    if found == "supported" and fit_rise.low > 0:
        found = "not supported"
        why.append(_("Training error rises as well: the largest are trained worse, which is no overfitting."))
    return Verdict(
        claim="overfits-with-size",
        answer=found,
        series=series.name,
        metric=metric,
        effect=words.scaled(rise.value, metric),
        unit=words.unit(metric),
        low=words.scaled(rise.low, metric),
        high=words.scaled(rise.high, metric),
        n_seeds=rise.n,
        where=_(
            "{metric} is lowest about {start} and {level} at {end}.",
            metric=what,
            start=start,
            level=words.level(mean(table)[-1], metric),
            end=end,
        ),
        why=(*why, *words.caveats(series)),
        follow_up=follow_up.more_seeds(series, [*lowest, len(series.sizes) - 1], [rise], minimum)
        if found == "inconclusive"
        else None,
    )


def _lowest(others: Array) -> tuple[int, ...]:
    """Select where the curve is lowest, except the largest size.

    Each value counts with half of its neighbours', so that the selections for different seeds agree.
    """
    known = np.flatnonzero(np.isfinite(others[:-1]))
    if not len(known):
        return (0,)
    padded = np.pad(others[known], 1, mode="edge")
    return (int(known[(padded[:-2] + 2 * padded[1:-1] + padded[2:]).argmin()]),)
