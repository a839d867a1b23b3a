"""Overfits with size: the largest models are worse than the best smaller ones, though they fit their data no worse."""

import numpy as np

from engine.verdicts import settle, words
from engine.verdicts.curves import Array
from engine.verdicts.intervals import answer, at, effect, nearby, picks, usual, worth
from engine.verdicts.series import Series, mean
from engine.verdicts.verdict import Verdict


def overfits(series: Series, metric: str) -> Verdict | None:
    """Return the verdict on `series`, whose axis is size; None where there is one size."""
    if len(series.sizes) < 2:
        return None
    table = series.last(metric)
    if not np.isfinite(table).any():
        return None
    places = picks(table, _lowest, caution=1.0)[:, 0]
    (valley,), last = usual(places[:, None]), np.full(len(table), table.shape[1] - 1)
    rise = effect(at(table, last) - at(table, places), nearby(table, last, places))
    fit = series.last("train_error")
    unfit = effect(at(fit, last) - at(fit, places), nearby(fit, last, places))
    least = worth(metric, float(mean(table)[valley]))
    found = answer([rise], [least])
    start, end, what = words.size(series, valley), words.size(series, len(series.sizes) - 1), words.spoken(metric)
    why = [
        f"{words.capital(what)} from {start}, about where it is lowest, to {end}, the largest: "
        f"{words.span(rise, metric)} over {words.seeds(rise.n)}; "
        f"a change worth the name is {words.amount(least, metric)}.",
        f"Training error goes from {words.level(series.fit_error[valley], 'train_error')} to "
        f"{words.level(series.fit_error[-1], 'train_error')}.",
    ]
    if found == "supported" and unfit.low > 0:
        found = "not supported"
        why.append("Training error rises as well: the largest are trained worse, which is no overfitting.")
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
        where=f"{words.capital(what)} is lowest about {start} and {words.level(mean(table)[-1], metric)} at {end}.",
        why=(*why, *words.caveats(series)),
        settle=settle.more_seeds(series, [*places, len(series.sizes) - 1], [rise], least)
        if found == "inconclusive"
        else None,
    )


def _lowest(others: Array) -> tuple[int, ...]:
    """Pick where the curve is lowest, but for the largest size; each value counts with half of its neighbours', so that
    the picks of different seeds agree.
    """
    places = np.flatnonzero(np.isfinite(others[:-1]))
    if not len(places):
        return (0,)
    padded = np.pad(others[places], 1, mode="edge")
    return (int(places[(padded[:-2] + 2 * padded[1:-1] + padded[2:]).argmin()]),)
