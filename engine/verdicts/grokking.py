"""Grokking: a run first learns its training examples by heart, and generalises long after that."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.verdicts import settle, words
from engine.verdicts.curves import Array
from engine.verdicts.intervals import LEAST_SEEDS, Effect, answer, at, effect
from engine.verdicts.series import Series
from engine.verdicts.verdict import Answer, Settle, Verdict

MEMORISED, GENERALISED = 0.01, 0.05
"""Training error and test error below which a run has done so."""
DELAY = 3.0
"""How many times the steps of memorising it must take to generalise, at least."""
LEAST_STEPS = 8
"""Eval points below which nothing can be said of when."""
PATIENCE = 20.0
"""How many times the steps of memorising a run must have lasted before "never" means something; the delays of
arXiv:2201.02177 and arXiv:2301.05217 are 10 to 100 times."""


def grokking(series: Series) -> Verdict | None:
    """Return the verdict at the size with the longest delay; None where fewer than half of the runs
    of every size memorise, or there is no such thing.
    """
    task = series.curves.runs[series.members[0]].task
    if task.loss == "mse" or len(series.steps) < LEAST_STEPS:
        return None
    train, test = series.along("train_error"), series.along("test_error")
    memorised, generalised = _first(train < MEMORISED), _first(test < GENERALISED)
    if not ((memorised >= 0).mean(axis=0) > 0.5).any():
        return None
    steps = np.maximum(series.steps, 1).astype(np.float64)
    chance = 1 - 1 / max(2, task.outputs // task.answers)
    at_once = np.take_along_axis(test, np.maximum(memorised, 0)[:, :, None], axis=2)[:, :, 0]
    by_heart = (memorised >= 0) & (at_once > (chance + GENERALISED) / 2)
    end = np.where(generalised >= 0, generalised, len(steps) - 1)
    delay = np.log(steps[end] / steps[np.maximum(memorised, 0)])
    delay = np.where(by_heart, np.maximum(delay, 0.0), np.where(memorised >= 0, 0.0, np.nan))
    open_ = by_heart & (generalised < 0)
    place = _longest(delay)
    found = effect(at(np.where(open_, np.nan, delay), place))
    never = at(open_, place) > 0
    lasted = float(np.exp(np.nanmedian(at(delay, place)[never]))) if never.any() else 0.0
    result, runs = _result(series, found, never, lasted, place)
    usual = int(np.bincount(place).argmax())
    return Verdict(
        claim="grokking",
        answer=result,
        series=series.name,
        metric="test_error",
        effect=_times(found.value),
        unit="times the steps of memorising",
        low=_times(found.low),
        high=_times(found.high),
        n_seeds=int((at(memorised, place) >= 0).sum()),
        where=_where(series, memorised[:, usual], generalised[:, usual], usual),
        why=(*_evidence(found, by_heart, never, lasted, place, at_once), *words.caveats(series)),
        settle=runs,
    )


def _result(
    series: Series, found: Effect, never: NDArray[np.bool_], lasted: float, place: NDArray[np.intp]
) -> tuple[Answer, Settle | None]:
    places = [int(p) for p in place]
    if len(place) < LEAST_SEEDS:
        return "inconclusive", settle.more_seeds(series, places, [found], 0.0)
    if never.all():
        if lasted >= PATIENCE:
            return "not supported", None
        return "inconclusive", settle.more_steps(series, places, 4)
    if never.any():
        return "inconclusive", settle.more_steps(series, places, 4)
    above = effect_above(found, float(np.log(DELAY)))
    result = answer([above], [0.0])
    return result, settle.more_seeds(series, places, [above], 0.0) if result == "inconclusive" else None


def effect_above(found: Effect, bound: float) -> Effect:
    """Return an effect as its distance above `bound`."""
    moved = {name: getattr(found, name) - bound for name in ("value", "low", "high", "most")}
    return replace(found, **moved)


def _first(reached: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the place of the first True along the last axis; −1 where there is none."""
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1), -1)


def _longest(delay: Array) -> NDArray[np.intp]:
    """Return for each unit the size at which the others took longest, (units,); its own where it is alone."""
    known = np.where(np.isfinite(delay), delay, -1.0)
    others = known.sum(axis=0) - known if len(known) > 1 else known
    return np.asarray(others.argmax(axis=1), dtype=np.intp)


def _times(log: float) -> float | None:
    return float(np.exp(log)) if np.isfinite(log) else None


def _where(series: Series, memorised: NDArray[np.intp], generalised: NDArray[np.intp], place: int) -> str:
    learned = [f"{series.steps[i]:,}" for i in memorised if i >= 0]
    grasped = [f"{series.steps[i]:,}" if i >= 0 else "none" for i in generalised]
    at = f"At {words.size(series, place)}: " if len(series.sizes) > 1 else ""
    text = f"{at}memorised at step {words.listed(learned)}, generalised at step {words.listed(grasped)}, seed by seed."
    return words.capital(text)


def _evidence(
    found: Effect,
    by_heart: NDArray[np.bool_],
    never: NDArray[np.bool_],
    lasted: float,
    place: NDArray[np.intp],
    test: Array,
) -> list[str]:
    share = int(at(by_heart, place).sum())
    known = at(test, place)[np.isfinite(at(test, place))]
    error = float(np.median(known)) if len(known) else float("nan")
    listed = [
        f"{share} of {words.seeds(len(place))} had memorised (training accuracy above 99 %) while test accuracy was "
        f"less than half way up; when they had, it was {100 * (1 - error):.0f} % (median)."
    ]
    if never.any():
        listed.append(
            f"{int(never.sum())} of {words.seeds(len(place))} never reached a test accuracy of 95 %, in {lasted:.0f} "
            "times the steps of memorising."
        )
    if found.n and share:
        interval = f" ({np.exp(found.low):.1f} to {np.exp(found.high):.1f})" if found.n > 1 else ""
        listed.append(
            f"To generalise took {np.exp(found.value):.1f} times the steps of memorising{interval}; a delay worth the "
            f"name is {DELAY:.0f} times."
        )
    return listed
