"""Grokking: a run first memorises its training examples, and generalises long after that."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.base.language import _, _n
from engine.verdicts import follow_up, words
from engine.verdicts.curves import Array, Indices
from engine.verdicts.intervals import LEAST_SEEDS, Effect, answer, at, effect, most_common
from engine.verdicts.series import Series
from engine.verdicts.verdict import Answer, FollowUp, Verdict

MEMORISED, GENERALISED = 0.01, 0.05
"""Training error below which a run has memorised, and test error below which it has generalised."""
DELAY = 3.0
"""How many times the steps of memorising generalising must take, at least."""
LEAST_STEPS = 8
"""Eval points below which the steps of memorising and generalising cannot be told."""
PATIENCE = 20.0
"""How many times the steps of memorising a run must last before "never" counts.

Source: the delays of arXiv:2201.02177 and arXiv:2301.05217 are 10 to 100 times."""


def grokking(series: Series) -> Verdict | None:
    """Return the verdict at the size with the longest delay.

    None where fewer than half of the runs of every size memorise, where answers are numbers, or for short runs.
    """
    task = series.curves.runs[series.members[0]].task
    if task.loss == "mse" or len(series.steps) < LEAST_STEPS:
        return None
    train, test = series.along("train_error"), series.along("test_error")
    memorised, generalised = _first(train < MEMORISED), _first(test < GENERALISED)
    if not ((memorised >= 0).mean(axis=0) > 0.5).any():
        return None
    steps = np.maximum(series.steps, 1).astype(np.float64)
    chance_error = 1 - 1 / max(2, task.outputs // task.answers)
    test_then = np.take_along_axis(test, np.maximum(memorised, 0)[:, :, None], axis=2)[:, :, 0]
    by_heart = (memorised >= 0) & (test_then > (chance_error + GENERALISED) / 2)
    end = np.where(generalised >= 0, generalised, len(steps) - 1)
    delay = np.log(steps[end] / steps[np.maximum(memorised, 0)])
    delay = np.where(by_heart, np.maximum(delay, 0.0), np.where(memorised >= 0, 0.0, np.nan))
    open_ = by_heart & (generalised < 0)
    index = _longest(delay)
    found = effect(at(np.where(open_, np.nan, delay), index))
    never = at(open_, index) > 0
    lasted = float(np.exp(np.nanmedian(at(delay, index)[never]))) if never.any() else 0.0
    result, runs = _result(series, found, never, lasted, index)
    (size,) = most_common(index[:, None])
    return Verdict(
        claim="grokking",
        answer=result,
        series=series.name,
        metric="test_error",
        effect=_times(found.value),
        unit=_("times the steps of memorising"),
        low=_times(found.low),
        high=_times(found.high),
        n_seeds=int((at(memorised, index) >= 0).sum()),
        where=_where(series, memorised[:, size], generalised[:, size], size),
        why=(*_evidence(found, at(by_heart, index), never, lasted, at(test_then, index)), *words.caveats(series)),
        follow_up=runs,
    )


def _result(
    series: Series, found: Effect, never: NDArray[np.bool_], lasted: float, index: Indices
) -> tuple[Answer, FollowUp | None]:
    sizes = [int(one) for one in index]
    if len(index) < LEAST_SEEDS:
        return "inconclusive", follow_up.more_seeds(series, sizes, [found], 0.0)
    if never.all():
        if lasted >= PATIENCE:
            return "not supported", None
        return "inconclusive", follow_up.more_steps(series, sizes, 4)
    if never.any():
        return "inconclusive", follow_up.more_steps(series, sizes, 4)
    above = effect_above(found, float(np.log(DELAY)))
    result = answer([above], [0.0])
    return result, follow_up.more_seeds(series, sizes, [above], 0.0) if result == "inconclusive" else None


def effect_above(found: Effect, bound: float) -> Effect:
    """Return an effect as its distance above `bound`."""
    shifted = {name: getattr(found, name) - bound for name in ("value", "low", "high", "most")}
    return replace(found, **shifted)


def _first(reached: NDArray[np.bool_]) -> Indices:
    """Return the index of the first True along the last axis; −1 where there is none."""
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1), -1)


def _longest(delay: Array) -> Indices:
    """Return for each unit the size at which the other units took longest, (units,); its own where it is alone."""
    known = np.where(np.isfinite(delay), delay, -1.0)
    others = known.sum(axis=0) - known if len(known) > 1 else known
    return np.asarray(others.argmax(axis=1), dtype=np.intp)


def _times(log: float) -> float | None:
    return float(np.exp(log)) if np.isfinite(log) else None


def _where(series: Series, memorised: Indices, generalised: Indices, size: int) -> str:
    steps = {
        "memorised": words.listed([f"{series.steps[i]:,}" for i in memorised if i >= 0]),
        "generalised": words.listed([f"{series.steps[i]:,}" if i >= 0 else _("none") for i in generalised]),
    }
    if len(series.sizes) > 1:
        return _(
            "At {size}: memorised at step {memorised}, generalised at step {generalised}, seed by seed.",
            size=words.size(series, size),
            **steps,
        )
    return _("Memorised at step {memorised}, generalised at step {generalised}, seed by seed.", **steps)


def _evidence(found: Effect, by_heart: Array, never: NDArray[np.bool_], lasted: float, test: Array) -> list[str]:
    """Return the evidence at the selected sizes; `by_heart` and `test`, the test error then, are (units,)."""
    share = int(by_heart.sum())
    known = test[np.isfinite(test)]
    error = float(np.median(known)) if len(known) else float("nan")
    listed = [
        _n(
            "{share} of {n} seed had memorised (training accuracy above 99 %) while test accuracy was less than half "
            "way up; when they had, it was {accuracy:.0f} % (median).",
            "{share} of {n} seeds had memorised (training accuracy above 99 %) while test accuracy was less than half "
            "way up; when they had, it was {accuracy:.0f} % (median).",
            len(by_heart),
            share=share,
            accuracy=100 * (1 - error),
        )
    ]
    if never.any():
        listed.append(
            _n(
                "{open} of {n} seed never reached a test accuracy of 95 %, in {times:.0f} times the steps of "
                "memorising.",
                "{open} of {n} seeds never reached a test accuracy of 95 %, in {times:.0f} times the steps of "
                "memorising.",
                len(by_heart),
                open=int(never.sum()),
                times=lasted,
            )
        )
    if found.n and share:
        listed.append(_delay(found))
    return listed


def _delay(found: Effect) -> str:
    times = float(np.exp(found.value))
    if found.n < 2:
        return _(
            "To generalise took {times:.1f} times the steps of memorising; a delay worth the name is {minimum:.0f} "
            "times.",
            times=times,
            minimum=DELAY,
        )
    return _(
        "To generalise took {times:.1f} times the steps of memorising ({low:.1f} to {high:.1f}); a delay worth the "
        "name is {minimum:.0f} times.",
        times=times,
        low=np.exp(found.low),
        high=np.exp(found.high),
        minimum=DELAY,
    )
