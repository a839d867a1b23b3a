"""Sudden jump with size, and whether it is the metric: accuracy leaps where the loss falls smoothly."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from engine.base.language import _, _n
from engine.laws.result import number
from engine.verdicts import follow_up, words
from engine.verdicts.curves import Array, Indices
from engine.verdicts.intervals import Effect, answer, at, effect, most_common, nearby, select_by_others
from engine.verdicts.series import Series, mean
from engine.verdicts.verdict import Answer, FollowUp, Verdict

WINDOW, BEFORE, RANGE = 8.0, 1.9, 64.0
"""Factors of params: a jump must happen within the first; the sizes seen must span at least the second before it, and
the third in all."""
LEAST_GAIN = 0.2
"""Smallest gain that counts as a jump, as a share of the distance from chance to perfect."""
SHARE = 0.5
"""Share of the gain over all sizes that a jump must make. A power law makes at most this within WINDOW after BEFORE."""
STEEPER = 0.2
"""Smallest difference of exponents that counts: how much faster than before error must fall with size in a jump."""
SMOOTH = 2.0
"""How many times as fast as before a metric may fall in the jump without jumping itself. A power law falls equally fast
everywhere."""
FLOOR = 0.005
"""Error below which a further fall does not count."""


@dataclass(frozen=True, kw_only=True)
class Jump:
    """A jump over seeds."""

    indices: Indices
    """(units, 3): the last size before, the first after, the best from there on, each selected by the other seeds."""
    gain: Effect
    """The error before minus the error after."""
    steeper: Effect
    """The exponent with which error falls in the jump minus the one before."""
    share: float
    """The gain as a share of the gain over all sizes."""


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
    above_chance = 1 - 1 / max(2, task.outputs // task.answers) if metric == "test_error" else 1.0
    minimum = LEAST_GAIN * above_chance
    result = answer([found.gain, found.steeper], [minimum, STEEPER])
    if result == "supported" and found.share < SHARE:
        result = "not supported"
    start, end, _best = most_common(found.indices)
    runs = None
    if result == "inconclusive":
        runs = follow_up.more_seeds(series, [0, *found.indices.ravel().tolist()], [found.gain, found.steeper], 0.0)
    elif result == "supported" and sizes[end] - sizes[start] > np.log(WINDOW) + 1e-9:
        between = round(float(np.sqrt(series.sizes[start] * series.sizes[end])))
        result, runs = "inconclusive", follow_up.other_sizes(series, [between])
    verdict = _sudden(series, metric, found, result, minimum, runs)
    return [verdict, _metric_only(series, found, sizes, error)] if result == "supported" else [verdict]


def jump(error: Array, sizes: Array, windows: list[tuple[int, int]], floor: float) -> Jump:
    """Return the jump of an error (units, sizes) in the window of the largest gain.

    `sizes`: (sizes,) log params; `windows`: indices of the sizes before and after a possible jump; `floor`: error below
    which a further fall does not count.
    """

    def select(others: Array) -> tuple[int, ...]:
        known = np.where(np.isfinite(others), others, np.inf)
        best = np.minimum.accumulate(known)

        def gain(window: tuple[int, int]) -> float:
            start, end = window
            return float(known[start] - known[end]) if known[start] <= best[start] else -np.inf

        start, end = max(windows, key=gain)
        return start, end, end + int(known[end:].argmin())

    indices = select_by_others(error, select)
    start, end, best = indices.T
    gain = effect(at(error, start) - at(error, end), nearby(error, start, end))
    total = mean(error)[0] - float(mean(at(error, best)))
    steeper = effect(acceleration(error, sizes, indices[:, :2], floor))
    return Jump(indices=indices, gain=gain, steeper=steeper, share=gain.value / total if total > 0 else 0.0)


def acceleration(error: Array, sizes: Array, indices: Indices, floor: float, times: float = 1.0) -> Array:
    """Return the exponent with which an error falls between two sizes minus `times` the exponent before, (units,).

    `error`: (units, sizes); `sizes`: (sizes,) log params; `indices`: (units, 2), the two sizes of each unit. The
    exponent before is that from the smallest size to the first of the two. Errors below `floor` count as `floor`.
    """
    logs, (start, end) = np.log(np.maximum(error, floor)), indices.T
    first = np.zeros(len(indices), dtype=np.intp)

    def exponent(one: Indices, other: Indices) -> Array:
        return np.asarray((at(logs, one) - at(logs, other)) / (sizes[other] - sizes[one]))

    return np.asarray(exponent(start, end) - times * exponent(first, start))


def _windows(sizes: Array) -> list[tuple[int, int]]:
    """Return indices before and after a possible jump: within WINDOW, or neighbours, with sizes before them."""
    found = []
    for start in np.flatnonzero(sizes - sizes[0] >= np.log(BEFORE) - 1e-9)[:-1]:
        last = max(int(np.flatnonzero(sizes - sizes[start] <= np.log(WINDOW) + 1e-9)[-1]), int(start) + 1)
        found += [(int(start), end) for end in range(int(start) + 1, last + 1)]
    return found


def _error(series: Series, metric: str) -> Array:
    table = series.last(metric)
    return 1 - table if metric == "test_exact" else table


def _sudden(series: Series, metric: str, found: Jump, result: Answer, minimum: float, runs: FollowUp | None) -> Verdict:
    start, end, _best = most_common(found.indices)
    before, after = words.size(series, start), words.size(series, end)
    values = mean(_error(series, metric))
    noun = _("exact match") if metric == "test_exact" else _("accuracy")
    return Verdict(
        claim="sudden-jump",
        answer=result,
        series=series.name,
        metric=metric,
        effect=words.scaled(found.gain.value, "test_error"),
        unit=_("points of {metric}", metric=noun),
        low=words.scaled(found.gain.low, "test_error"),
        high=words.scaled(found.gain.high, "test_error"),
        n_seeds=found.gain.n,
        where=_(
            "Test {metric} is {first:.1f} % at {smallest}, {low:.1f} % at {before} and {high:.1f} % at {after}.",
            metric=noun,
            first=100 * (1 - values[0]),
            smallest=words.size(series, 0),
            low=100 * (1 - values[start]),
            before=before,
            high=100 * (1 - values[end]),
            after=after,
        ),
        why=(*_evidence(found, noun, before, after, minimum), *words.caveats(series)),
        follow_up=runs,
    )


def _evidence(found: Jump, noun: str, before: str, after: str, minimum: float) -> list[str]:
    why = [
        _n(
            "Test {metric} from {before} to {after}: {change} over {n} seed; a jump worth the name is {minimum} within "
            "a factor of {window:.0f} in parameters.",
            "Test {metric} from {before} to {after}: {change} over {n} seeds; a jump worth the name is {minimum} "
            "within a factor of {window:.0f} in parameters.",
            found.gain.n,
            metric=noun,
            before=before,
            after=after,
            change=words.span(found.gain, "test_error"),
            minimum=words.amount(minimum, "test_error"),
            window=WINDOW,
        )
    ]
    if found.gain.value > 0:
        why.append(
            _(
                "That is {share:.0f} % of all that is gained with size; a jump is at least {least:.0f} %.",
                share=100 * found.share,
                least=100 * SHARE,
            )
        )
    why.append(
        _(
            "The exponent with which error falls there, less that before: {change}; in a power law it is 0, in a jump "
            "at least {least}.",
            change=words.span(found.steeper, ""),
            least=STEEPER,
        )
    )
    return why


def _metric_only(series: Series, found: Jump, sizes: Array, error: Array) -> Verdict:
    """Return whether the loss of the same runs falls there less than SMOOTH times as fast as before."""
    loss, (start, end, _best) = series.last("test_loss"), found.indices.T
    wide = np.maximum(end, np.searchsorted(sizes, sizes[start] + np.log(WINDOW) + 1e-9) - 1)
    indices = np.stack([start, wide], axis=1)
    floor = FLOOR * float(mean(loss)[0])
    smooth = effect(acceleration(loss, sizes, indices, floor, SMOOTH))
    less = effect(acceleration(error, sizes, indices, FLOOR) - acceleration(loss, sizes, indices, floor))
    result = answer([less, _negative(smooth)], [0.0, 0.0])
    first, last = most_common(indices)
    runs = None
    if result == "inconclusive":
        runs = follow_up.more_seeds(series, [0, *indices.ravel().tolist()], [less, _negative(smooth)], 0.0)
    return Verdict(
        claim="metric-only",
        answer=result,
        series=series.name,
        metric="test_loss",
        effect=number(smooth.value),
        unit=_("in the exponent, less {times:.0f} times that before", times=SMOOTH),
        low=number(smooth.low),
        high=number(smooth.high),
        n_seeds=smooth.n,
        where=_(
            "The jump from {before} to {after}, seen in the loss.",
            before=words.size(series, first),
            after=words.size(series, last),
        ),
        why=(*_evidence_of_loss(series, smooth, less, first, last), *words.caveats(series)),
        follow_up=runs,
    )


def _evidence_of_loss(series: Series, smooth: Effect, less: Effect, first: int, last: int) -> list[str]:
    before, after = words.size(series, first), words.size(series, last)
    why = [
        _(
            "The exponent with which test loss falls from {before} to {after}, less {times:.0f} times that before: "
            "{change}; above 0 the loss jumps too.",
            before=before,
            after=after,
            times=SMOOTH,
            change=words.span(smooth, ""),
        ),
        _("The error's exponent rises by more than the loss's: {change}.", change=words.span(less, "")),
    ]
    for metric in ("test_loss", "test_brier"):
        levels = mean(series.last(metric))
        if np.isfinite(levels).all():
            why.append(
                _(
                    "{metric} at {smallest}, {before} and {after}: {levels}.",
                    metric=words.capital(words.metric_name(metric)),
                    smallest=words.size(series, 0),
                    before=before,
                    after=after,
                    levels=", ".join(f"{levels[index]:.3g}" for index in (0, first, last)),
                )
            )
    return why


def _negative(one: Effect) -> Effect:
    """Return an effect with its sign reversed, and so its one-sided upper bound from the lower one."""
    least = 2 * one.value - one.most
    return dataclasses.replace(one, value=-one.value, low=-one.high, high=-one.low, most=-least)
