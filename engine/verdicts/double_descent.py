"""Double descent: down, up to a peak and down again, with size, over training, or with data."""

from dataclasses import dataclass

import numpy as np

from engine.verdicts import settle, words
from engine.verdicts.curves import Array, Places
from engine.verdicts.intervals import Effect, answer, at, effect, nearby, picks, usual, worth
from engine.verdicts.series import THRESHOLD, Series, mean
from engine.verdicts.verdict import Answer, Settle, Verdict

LEAST_STEPS = 8
"""Eval points below which a run has no shape."""


@dataclass(frozen=True, kw_only=True)
class Bump:
    """What the seeds say of a rise, the fall after it, and how the end compares with the first valley."""

    places: Places
    """(units, 3): valley, peak and end, each picked by the other seeds."""
    rise: Effect
    fall: Effect
    gain: Effect
    """The first valley minus the end: above 0 where the second descent goes deeper."""
    worth: float

    @property
    def effect(self) -> Effect:
        """The smaller of rise and fall: how far the peak stands out."""
        return min(self.rise, self.fall, key=lambda one: one.value)

    @property
    def usual(self) -> tuple[int, int, int]:
        """Valley, peak and end as most seeds have them."""
        valley, peak, end = usual(self.places)
        return valley, peak, end


def by_size(series: Series, metric: str) -> Verdict | None:
    """Return whether a peak stands between smaller and larger models; None for fewer than three sizes."""
    table = series.last(metric)
    if len(series.sizes) < 3 or not np.isfinite(table).any():
        return None
    found = bump(table, metric)
    result = answer([found.rise, found.fall], [found.worth] * 2)
    larger = _beyond(series)
    why = _evidence(found, metric, [words.size(series, p) for p in range(len(series.sizes))])
    runs: Settle | None = None
    if result == "not supported" and larger is not None:
        result, runs = "inconclusive", larger
        why.append(
            f"No peak up to {words.size(series, -1)}; but one is expected where models begin to fit their training "
            f"labels, and there training error is still {words.level(series.fit_error[-1], 'train_error')}."
        )
    elif result == "inconclusive":
        runs = _more(series, found)
    return _verdict("double-descent-by-size", series, metric, found, result, _where(series, found, result), why, runs)


def by_data(series: Series, metric: str) -> Verdict | None:
    """Return whether more data make a model worse before they make it better; None for fewer than three amounts."""
    table = series.last(metric)
    if len(series.sizes) < 3 or not np.isfinite(table).any():
        return None
    found = bump(table, metric)
    result = answer([found.rise, found.fall], [found.worth] * 2)
    why = _evidence(found, metric, [words.size(series, p) for p in range(len(series.sizes))])
    runs = _more(series, found) if result == "inconclusive" else None
    if result == "not supported" and series.threshold == len(series.sizes) - 1:
        more = settle.other_sizes(series, [2 * series.sizes[-1], 4 * series.sizes[-1]])
        if more is not None:
            result, runs = "inconclusive", more
            why.append("All amounts of data are fitted; a peak is expected at the most that still are.")
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
    result = answer([found.rise, found.fall], [found.worth] * 2)
    at_sizes = [f" at {words.size(series, p)}" if len(series.sizes) > 1 else "" for p in range(len(series.sizes))]
    names = [f"step {step:,}" for _ in at_sizes for step in series.steps[:-1]]
    valley, peak, end = found.usual
    why = _evidence(found, metric, names)
    where = (
        f"{_likeliest(result)} at {names[peak]}{at_sizes[peak // steps]}, after {names[valley]}, before {names[end]}."
    )
    runs = None
    if result == "inconclusive":
        decisive = {int(place) // steps for place in found.places[:, 1] if place >= 0}
        runs = settle.more_seeds(series, decisive, [found.rise, found.fall], found.worth)
    return _verdict("double-descent-by-step", series, metric, found, result, where, why, runs)


def bump(table: Array, metric: str, row: int = 0) -> Bump:
    """Return what (units, places) says of valley, peak and end.

    `row`: the places are curves of so many steps, one after the other: all three are picked on one of them, and the
    valley below where training began.
    """

    def pick(others: Array) -> tuple[int, ...]:
        return _pick(others.reshape(-1, row or len(others)), begins=row > 0)

    places = picks(table, pick)
    first, second, third = places.T

    def change(high: Places, low: Places) -> Effect:
        return effect(at(table, high) - at(table, low), nearby(table, high, low, row))

    return Bump(
        places=places,
        rise=change(second, first),
        fall=change(second, third),
        gain=change(first, third),
        worth=worth(metric, float(mean(table)[usual(places)[0]])),
    )


def _pick(curves: Array, begins: bool) -> tuple[int, ...]:
    """Pick valley, peak and end where the smaller of rise and fall is largest, among curves (rows, places)."""
    low = np.where(np.isfinite(curves), curves, np.inf)
    before = np.minimum.accumulate(low, axis=1)[:, :-2]
    after = np.minimum.accumulate(low[:, ::-1], axis=1)[:, ::-1][:, 2:]
    peaks = np.where(np.isfinite(curves), curves, -np.inf)[:, 1:-1]
    with np.errstate(invalid="ignore"):
        stands = np.nan_to_num(np.minimum(peaks - before, peaks - after), nan=-np.inf)
    if begins:
        stands = np.where(before < low[:, :1], stands, -np.inf)
    row, peak = divmod(int(stands.argmax()), stands.shape[1])
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
    valley, peak, end = (names[place] for place in found.usual)
    what = words.capital(words.spoken(metric))
    listed = [
        f"{what} from {valley} up to {peak}: {words.span(found.rise, metric)} over {words.seeds(found.rise.n)}; "
        f"a change worth the name is {words.amount(found.worth, metric)}.",
        f"From {peak} down to {end}: {words.span(found.fall, metric, -1)}.",
    ]
    if found.rise.value >= found.worth and found.fall.value >= found.worth:
        gain = found.gain
        verdict = "beats" if gain.low > 0 else "does not reach" if gain.high < 0 else "ends near"
        listed.append(f"The second descent {verdict} the first valley: {words.span(gain, metric, -1)}.")
    return listed


def _where(series: Series, found: Bump, result: Answer) -> str:
    peak, fitted = found.usual[1], series.threshold
    text = f"{_likeliest(result)} at {words.size(series, peak)}"
    if fitted is None:
        return f"{text}; no mean training error is at most {100 * THRESHOLD:.0f} %."
    if series.axis == "dataset_size":
        return f"{text}; training examples are fitted up to {words.size(series, fitted)}."
    run = series.curves.runs[series.members[0]]
    capacity = run.train_size * run.task.outputs
    near = (
        "the interpolation threshold"
        if peak == fitted
        else "the interpolation threshold is at " + words.size(series, fitted)
    )
    return f"{text}, {near} ({series.params[fitted]:,.0f} parameters; examples × outputs are {capacity:,})."


def _likeliest(result: Answer) -> str:
    return "The peak is" if result == "supported" else "A peak, if any, is"


def _beyond(series: Series) -> Settle | None:
    """Return larger sizes where the sweep ends before a peak could be seen; None where it does not."""
    run = series.curves.runs[series.members[0]]
    fitted = series.threshold is not None and series.threshold < len(series.sizes) - 1
    if fitted or series.params[-1] > run.train_size * run.task.outputs:
        return None
    return settle.other_sizes(series, [2 * series.sizes[-1], 4 * series.sizes[-1]])


def _more(series: Series, found: Bump) -> Settle | None:
    return settle.more_seeds(series, found.places.ravel().tolist(), [found.rise, found.fall], found.worth)


def _verdict(
    claim: str,
    series: Series,
    metric: str,
    found: Bump,
    result: Answer,
    where: str,
    why: list[str],
    runs: Settle | None,
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
        settle=runs,
    )
