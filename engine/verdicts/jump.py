"""Sudden jump with size, and whether it is the metric: accuracy leaps where the loss goes its way."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from engine.laws.fit import number
from engine.verdicts import settle, words
from engine.verdicts.curves import Array, Places
from engine.verdicts.intervals import Effect, answer, at, effect, nearby, picks, usual
from engine.verdicts.series import Series, mean
from engine.verdicts.verdict import Answer, Settle, Verdict

WINDOW, BEFORE, RANGE = 8.0, 1.9, 64.0
"""Factors of params: within the first a jump must happen, over at least the second must sizes be seen before it, and
over the third in all."""
WORTH = 0.2
"""Least gain worth the name, as a share of what there is between chance and perfect."""
SHARE = 0.5
"""Share of the whole gain that a jump must make. A power law makes at most this much within WINDOW after BEFORE."""
STEEPER = 0.2
"""Least difference of exponents worth the name: how much faster than before error must fall with size in a jump."""
SMOOTH = 2.0
"""How many times as fast as before a metric may fall in the jump without jumping itself. A power law falls equally fast
everywhere."""
FLOOR = 0.005
"""Error below which falling further counts for nothing."""


@dataclass(frozen=True, kw_only=True)
class Jump:
    """What the seeds say of a jump."""

    places: Places
    """(units, 3): the last size before, the first after, and the best from there on, each picked by the other seeds."""
    gain: Effect
    steeper: Effect
    """The exponent with which error falls in the jump minus the one before."""
    share: float


def jumps(series: Series) -> list[Verdict]:
    """Return the verdict on a sudden jump and, where there is one, on whether it is the metric."""
    task = series.curves.runs[series.members[0]].task
    metric = "test_exact" if task.loss == "sequence" else "test_error"
    error = _error(series, metric)
    sizes = np.log(series.params)
    if task.loss == "mse" or not np.isfinite(error).any() or sizes[-1] - sizes[0] < np.log(RANGE) - 1e-9:
        return []
    windows = _windows(sizes)
    if not windows:
        return []
    found = jump(error, sizes, windows, FLOOR)
    least = WORTH * (1 - 1 / max(2, task.outputs // task.answers)) if metric == "test_error" else WORTH
    result = answer([found.gain, found.steeper], [least, STEEPER])
    if result == "supported" and found.share < SHARE:
        result = "not supported"
    start, end, _ = usual(found.places)
    runs = None
    if result == "inconclusive":
        runs = settle.more_seeds(series, [0, *found.places.ravel().tolist()], [found.gain, found.steeper], 0.0)
    elif result == "supported" and sizes[end] - sizes[start] > np.log(WINDOW) + 1e-9:
        between = round(float(np.sqrt(series.sizes[start] * series.sizes[end])))
        result, runs = "inconclusive", settle.other_sizes(series, [between])
    verdict = _sudden(series, metric, found, result, least, runs)
    return [verdict, _metric_only(series, found, sizes, error)] if result == "supported" else [verdict]


def jump(error: Array, sizes: Array, windows: list[tuple[int, int]], floor: float) -> Jump:
    """Return what (units, sizes) of an error says; `sizes`: log params; `windows`: places before and after a jump."""

    def pick(others: Array) -> tuple[int, ...]:
        known = np.where(np.isfinite(others), others, np.inf)
        best = np.minimum.accumulate(known)

        def gain(window: tuple[int, int]) -> float:
            start, end = window
            return float(known[start] - known[end]) if known[start] <= best[start] else -np.inf

        start, end = max(windows, key=gain)
        return start, end, end + int(known[end:].argmin())

    places = picks(error, pick)
    start, end, best = places.T
    gain = effect(at(error, start) - at(error, end), nearby(error, start, end))
    total = mean(error)[0] - float(mean(at(error, best)))
    steeper = effect(acceleration(error, sizes, places[:, :2], floor))
    return Jump(places=places, gain=gain, steeper=steeper, share=gain.value / total if total > 0 else 0.0)


def acceleration(error: Array, sizes: Array, places: Places, floor: float, times: float = 1.0) -> Array:
    """Return by how much the exponent with which an error falls between places (units, 2) is above `times` that before
    the first of them, from the smallest size on, (units,).
    """
    logs, (start, end) = np.log(np.maximum(error, floor)), places.T
    first = np.zeros(len(places), dtype=np.intp)

    def exponent(one: Places, other: Places) -> Array:
        return np.asarray((at(logs, one) - at(logs, other)) / (sizes[other] - sizes[one]))

    return np.asarray(exponent(start, end) - times * exponent(first, start))


def _windows(sizes: Array) -> list[tuple[int, int]]:
    """Return the places before and after a jump: those within WINDOW, or neighbours, with sizes before them."""
    found = []
    for start in np.flatnonzero(sizes - sizes[0] >= np.log(BEFORE) - 1e-9)[:-1]:
        last = max(int(np.flatnonzero(sizes - sizes[start] <= np.log(WINDOW) + 1e-9)[-1]), int(start) + 1)
        found += [(int(start), end) for end in range(int(start) + 1, last + 1)]
    return found


def _error(series: Series, metric: str) -> Array:
    table = series.last(metric)
    return 1 - table if metric == "test_exact" else table


def _sudden(series: Series, metric: str, found: Jump, result: Answer, least: float, runs: Settle | None) -> Verdict:
    start, end, _ = usual(found.places)
    before, after = words.size(series, start), words.size(series, end)
    values = mean(_error(series, metric))
    noun = "exact match" if metric == "test_exact" else "accuracy"
    why = [
        f"Test {noun} from {before} to {after}: {words.span(found.gain, 'test_error')} over "
        f"{words.seeds(found.gain.n)}; a jump worth the name is {words.amount(least, 'test_error')} within a factor of "
        f"{WINDOW:.0f} in parameters.",
        f"The exponent with which error falls there, less that before: {words.span(found.steeper, '')}; in a power law "
        f"it is 0, in a jump at least {STEEPER}.",
    ]
    if found.gain.value > 0:
        share = f"{100 * found.share:.0f} % of all that is gained with size"
        why.insert(1, f"That is {share}; a jump is at least {100 * SHARE:.0f} %.")
    return Verdict(
        claim="sudden-jump",
        answer=result,
        series=series.name,
        metric=metric,
        effect=words.scaled(found.gain.value, "test_error"),
        unit=f"points of {noun}",
        low=words.scaled(found.gain.low, "test_error"),
        high=words.scaled(found.gain.high, "test_error"),
        n_seeds=found.gain.n,
        where=f"Test {noun} is {100 * (1 - values[0]):.1f} % at {words.size(series, 0)}, "
        f"{100 * (1 - values[start]):.1f} % at {before} and {100 * (1 - values[end]):.1f} % at {after}.",
        why=(*why, *words.caveats(series)),
        settle=runs,
    )


def _metric_only(series: Series, found: Jump, sizes: Array, error: Array) -> Verdict:
    """Return whether the loss of the same runs falls there less than SMOOTH times as fast as before."""
    loss, (start, end, _) = series.last("test_loss"), found.places.T
    wide = np.maximum(end, np.searchsorted(sizes, sizes[start] + np.log(WINDOW) + 1e-9) - 1)
    places = np.stack([start, wide], axis=1)
    least = FLOOR * float(mean(loss)[0])
    smooth = effect(acceleration(loss, sizes, places, least, SMOOTH))
    less = effect(acceleration(error, sizes, places, FLOOR) - acceleration(loss, sizes, places, least))
    result = answer([less, _negative(smooth)], [0.0, 0.0])
    first, last = usual(places)
    before, after = words.size(series, first), words.size(series, last)
    why = [
        f"The exponent with which test loss falls from {before} to {after}, less {SMOOTH:.0f} times that before: "
        f"{words.span(smooth, '')}; above 0 the loss jumps too.",
        f"The error's exponent rises by more than the loss's: {words.span(less, '')}.",
    ]
    for metric in ("test_loss", "test_brier"):
        levels = mean(series.last(metric))
        if np.isfinite(levels).all():
            listed = ", ".join(f"{levels[place]:.3g}" for place in (0, first, last))
            why.append(
                f"{words.capital(words.spoken(metric))} at {words.size(series, 0)}, {before} and {after}: {listed}."
            )
    settled = None
    if result == "inconclusive":
        settled = settle.more_seeds(series, [0, *places.ravel().tolist()], [less, _negative(smooth)], 0.0)
    return Verdict(
        claim="metric-only",
        answer=result,
        series=series.name,
        metric="test_loss",
        effect=number(smooth.value),
        unit=f"in the exponent, less {SMOOTH:.0f} times that before",
        low=number(smooth.low),
        high=number(smooth.high),
        n_seeds=smooth.n,
        where=f"The jump from {before} to {after}, seen in the loss.",
        why=(*why, *words.caveats(series)),
        settle=settled,
    )


def _negative(one: Effect) -> Effect:
    """Return an effect with its sign turned; what it is surely below is then what it was surely above."""
    least = 2 * one.value - one.most
    return dataclasses.replace(one, value=-one.value, low=-one.high, high=-one.low, most=-least)
