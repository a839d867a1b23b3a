"""Double descent: down, up to a peak and down again, with size, over training, or with data."""

from dataclasses import dataclass

import numpy as np

from engine.base.language import _, _n
from engine.verdicts import follow_up, words
from engine.verdicts.curves import Array, Indices
from engine.verdicts.intervals import Effect, answer, at, effect, minimum_effect, most_common, nearby, select_by_others
from engine.verdicts.series import THRESHOLD, Series, mean
from engine.verdicts.verdict import Answer, FollowUp, Verdict

LEAST_STEPS = 8
"""Eval points below which a run has no shape."""


@dataclass(frozen=True, kw_only=True)
class Bump:
    """A rise, the fall after it, and how the end compares with the first valley, over seeds."""

    indices: Indices
    """(units, 3): valley, peak and end, each selected by the other seeds."""
    rise: Effect
    fall: Effect
    gain: Effect
    """The first valley minus the end: above 0 where the second descent goes deeper."""
    minimum: float
    """The smallest rise and fall that count."""

    @property
    def effect(self) -> Effect:
        """The smaller of rise and fall: how far the peak stands out."""
        return min(self.rise, self.fall, key=lambda one: one.value)

    @property
    def answer(self) -> Answer:
        """Whether there are both a rise and a fall."""
        return answer([self.rise, self.fall], [self.minimum] * 2)

    @property
    def most_common(self) -> tuple[int, int, int]:
        """The indices of valley, peak and end that most seeds share."""
        valley, peak, end = most_common(self.indices)
        return valley, peak, end


def by_size(series: Series, metric: str) -> Verdict | None:
    """Return whether a peak stands between smaller and larger models; None for fewer than three sizes."""
    table = series.last(metric)
    if len(series.sizes) < 3 or not np.isfinite(table).any():
        return None
    found = bump(table, metric)
    result = found.answer
    larger = _beyond(series)
    why = _evidence(found, metric, [words.size(series, index) for index in range(len(series.sizes))])
    runs: FollowUp | None = None
    if result == "not supported" and larger is not None:
        result, runs = "inconclusive", larger
        why.append(
            _(
                "No peak up to {size}; but one is expected where models begin to fit their training labels, and there "
                "training error is still {error}.",
                size=words.size(series, -1),
                error=words.level(series.fit_error[-1], "train_error"),
            )
        )
    elif result == "inconclusive":
        runs = _more_seeds(series, found)
    return _verdict("double-descent-by-size", series, metric, found, result, _where(series, found, result), why, runs)


def by_data(series: Series, metric: str) -> Verdict | None:
    """Return whether more data make a model worse before they make it better; None for fewer than three amounts."""
    table = series.last(metric)
    if len(series.sizes) < 3 or not np.isfinite(table).any():
        return None
    found = bump(table, metric)
    result = found.answer
    why = _evidence(found, metric, [words.size(series, index) for index in range(len(series.sizes))])
    runs = _more_seeds(series, found) if result == "inconclusive" else None
    if result == "not supported" and series.threshold == len(series.sizes) - 1:
        more = follow_up.other_sizes(series, [2 * series.sizes[-1], 4 * series.sizes[-1]])
        if more is not None:
            result, runs = "inconclusive", more
            why.append(_("All amounts of data are fitted; a peak is expected at the most that still are."))
    return _verdict("double-descent-by-data", series, metric, found, result, _where(series, found, result), why, runs)


def by_step(series: Series, metric: str) -> Verdict | None:
    """Return whether runs get better, worse and better again, at the size where they do so most; None for short runs.

    The last eval point is left out: it is measured on all examples, those before it on the first of them.
    """
    curves = _smooth(series.along(metric)[:, :, :-1])
    if curves.shape[2] < LEAST_STEPS or not np.isfinite(curves).any():
        return None
    steps = curves.shape[2]
    found = bump(curves.reshape(len(curves), -1), metric, row=steps)
    result = found.answer
    names = [_("step {step:,}", step=step) for _size in series.sizes for step in series.steps[:-1]]
    runs = None
    if result == "inconclusive":
        decisive = {int(index) // steps for index in found.indices[:, 1] if index >= 0}
        runs = follow_up.more_seeds(series, decisive, [found.rise, found.fall], found.minimum)
    where = _where_in_training(series, found, result, names, steps)
    why = _evidence(found, metric, names)
    return _verdict("double-descent-by-step", series, metric, found, result, where, why, runs)


def bump(table: Array, metric: str, row: int = 0) -> Bump:
    """Return the valley, peak and end of `table` (units, indices), selected for each unit by the others.

    `row`: the indices are several curves of `row` steps each, one after the other. Then all three are selected on one
    curve, and the valley lies below the start of training.
    """

    def select(others: Array) -> tuple[int, ...]:
        return _select(others.reshape(-1, row or len(others)), below_start=row > 0)

    indices = select_by_others(table, select)
    valley, peak, end = indices.T

    def change(high: Indices, low: Indices) -> Effect:
        return effect(at(table, high) - at(table, low), nearby(table, high, low, row))

    return Bump(
        indices=indices,
        rise=change(peak, valley),
        fall=change(peak, end),
        gain=change(valley, end),
        minimum=minimum_effect(metric, float(mean(table)[most_common(indices)[0]])),
    )


def _select(curves: Array, below_start: bool) -> tuple[int, ...]:
    """Select valley, peak and end where the smaller of rise and fall is largest, among curves (rows, indices)."""
    low = np.where(np.isfinite(curves), curves, np.inf)
    before = np.minimum.accumulate(low, axis=1)[:, :-2]
    after = np.minimum.accumulate(low[:, ::-1], axis=1)[:, ::-1][:, 2:]
    peaks = np.where(np.isfinite(curves), curves, -np.inf)[:, 1:-1]
    with np.errstate(invalid="ignore"):
        heights = np.nan_to_num(np.minimum(peaks - before, peaks - after), nan=-np.inf)
    if below_start:
        heights = np.where(before < low[:, :1], heights, -np.inf)
    row, peak = divmod(int(heights.argmax()), heights.shape[1])
    peak += 1
    valley, end = int(low[row, :peak].argmin()), peak + 1 + int(low[row, peak + 1 :].argmin())
    start = row * curves.shape[1]
    return start + valley, start + peak, start + end


def _smooth(curves: Array) -> Array:
    """Return the means of three neighbouring eval points, (…, steps): two at either end."""
    padded = np.concatenate([curves[..., :1] * np.nan, curves, curves[..., :1] * np.nan], axis=-1)
    parts = np.stack([padded[..., :-2], padded[..., 1:-1], padded[..., 2:]])
    return np.where(np.isfinite(curves), mean(parts), np.nan)


def _evidence(found: Bump, metric: str, names: list[str]) -> list[str]:
    valley, peak, end = (names[index] for index in found.most_common)
    listed = [
        _n(
            "{metric} from {valley} up to {peak}: {change} over {n} seed; a change worth the name is {minimum}.",
            "{metric} from {valley} up to {peak}: {change} over {n} seeds; a change worth the name is {minimum}.",
            found.rise.n,
            metric=words.capital(words.metric_name(metric)),
            valley=valley,
            peak=peak,
            change=words.span(found.rise, metric),
            minimum=words.amount(found.minimum, metric),
        ),
        _("From {peak} down to {end}: {change}.", peak=peak, end=end, change=words.span(found.fall, metric, -1)),
    ]
    if found.rise.value >= found.minimum and found.fall.value >= found.minimum:
        listed.append(_second_descent(found, words.span(found.gain, metric, -1)))
    return listed


def _second_descent(found: Bump, change: str) -> str:
    if found.gain.low > 0:
        return _("The second descent beats the first valley: {change}.", change=change)
    if found.gain.high < 0:
        return _("The second descent does not reach the first valley: {change}.", change=change)
    return _("The second descent ends near the first valley: {change}.", change=change)


def _where(series: Series, found: Bump, result: Answer) -> str:
    """Return where the peak is, beside the interpolation threshold."""
    index, fitted = found.most_common[1], series.threshold
    peak, sure = words.size(series, index), result == "supported"
    if fitted is None:
        limit = 100 * THRESHOLD
        if sure:
            return _("The peak is at {peak}; no mean training error is at most {limit:.0f} %.", peak=peak, limit=limit)
        return _(
            "A peak, if any, is at {peak}; no mean training error is at most {limit:.0f} %.", peak=peak, limit=limit
        )
    threshold = words.size(series, fitted)
    if series.axis == "dataset_size":
        if sure:
            return _("The peak is at {peak}; training examples are fitted up to {most}.", peak=peak, most=threshold)
        return _("A peak, if any, is at {peak}; training examples are fitted up to {most}.", peak=peak, most=threshold)
    run = series.curves.runs[series.members[0]]
    facts = {"peak": peak, "params": series.params[fitted], "capacity": run.train_size * run.task.outputs}
    if index == fitted:
        if sure:
            return _(
                "The peak is at {peak}, the interpolation threshold ({params:,.0f} parameters; examples × outputs are "
                "{capacity:,}).",
                **facts,
            )
        return _(
            "A peak, if any, is at {peak}, the interpolation threshold ({params:,.0f} parameters; examples × outputs "
            "are {capacity:,}).",
            **facts,
        )
    if sure:
        return _(
            "The peak is at {peak}, the interpolation threshold is at {threshold} ({params:,.0f} parameters; examples "
            "× outputs are {capacity:,}).",
            threshold=threshold,
            **facts,
        )
    return _(
        "A peak, if any, is at {peak}, the interpolation threshold is at {threshold} ({params:,.0f} parameters; "
        "examples × outputs are {capacity:,}).",
        threshold=threshold,
        **facts,
    )


def _where_in_training(series: Series, found: Bump, result: Answer, names: list[str], steps: int) -> str:
    """Return the steps of peak, valley and end, and the size where there are several."""
    valley, peak, end = found.most_common
    moment = names[peak]
    if len(series.sizes) > 1:
        moment = _("{step} at {size}", step=names[peak], size=words.size(series, peak // steps))
    if result == "supported":
        return _(
            "The peak is at {peak}, after {valley}, before {end}.", peak=moment, valley=names[valley], end=names[end]
        )
    return _(
        "A peak, if any, is at {peak}, after {valley}, before {end}.", peak=moment, valley=names[valley], end=names[end]
    )


def _beyond(series: Series) -> FollowUp | None:
    """Return larger sizes where the sweep ends before a peak could be seen; None where it does not."""
    run = series.curves.runs[series.members[0]]
    fitted = series.threshold is not None and series.threshold < len(series.sizes) - 1
    if fitted or series.params[-1] > run.train_size * run.task.outputs:
        return None
    return follow_up.other_sizes(series, [2 * series.sizes[-1], 4 * series.sizes[-1]])


def _more_seeds(series: Series, found: Bump) -> FollowUp | None:
    return follow_up.more_seeds(series, found.indices.ravel().tolist(), [found.rise, found.fall], found.minimum)


def _verdict(
    claim: str,
    series: Series,
    metric: str,
    found: Bump,
    result: Answer,
    where: str,
    why: list[str],
    runs: FollowUp | None,
) -> Verdict:
    shown = found.effect
    return Verdict(
        claim=claim,
        answer=result,
        series=series.name,
        metric=metric,
        effect=words.scaled(shown.value, metric),
        unit=words.unit(metric),
        low=words.scaled(shown.low, metric),
        high=words.scaled(shown.high, metric),
        n_seeds=shown.n,
        where=where,
        why=(*why, *words.caveats(series)),
        follow_up=runs,
    )
