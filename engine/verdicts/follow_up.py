"""Follow-up runs, the cheapest that would settle a verdict: more seeds where it is decided, more sizes, more steps."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from engine.base.language import _n
from engine.spec.run import RunSpec
from engine.spec.sweep import MAX_RUNS, SweepSpec, knobs_for
from engine.verdicts import words
from engine.verdicts.intervals import LEAST_SEEDS, Effect
from engine.verdicts.series import Series, size_axis
from engine.verdicts.verdict import FollowUp

MOST_SEEDS = 12
"""Most new seeds of one follow-up."""
SEEDS_IN_ALL = 30
"""Seeds beyond which there is no follow-up: what so many do not settle is too small to matter."""
MOST_FOLLOW_UP = MAX_RUNS
"""Most runs beyond a sweep that are read for its verdicts."""
SURE = 0.8
"""Half of the new interval, as a share of the effect's distance from the bound, at most."""


def more_seeds(series: Series, indices: Iterable[int], effects: Sequence[Effect], minimum: float) -> FollowUp | None:
    """Return as many new seeds as the spread of `effects` asks for; None beyond SEEDS_IN_ALL.

    `indices`: the sizes that get them; negative ones, where nothing was selected, are ignored.
    `minimum`: the smallest effect that counts.
    """
    count = min(max(_missing(one, minimum, one.n) for one in effects), SEEDS_IN_ALL - len(series.units))
    if count < 1:
        return None
    sizes = [series.sizes[index] for index in sorted({index for index in indices if index >= 0})]
    settings = series.settings | {series.axis: tuple(sizes)} | _new_seeds(series, count)
    if len(series.sizes) > 1:
        listed = words.sizes(series.axis, sizes)
        return _follow_up(settings, _n("{n} more seed at {sizes}", "{n} more seeds at {sizes}", count, sizes=listed))
    return _follow_up(settings, _n("{n} more seed", "{n} more seeds", count))


def other_sizes(series: Series, sizes: Sequence[float]) -> FollowUp | None:
    """Return those of `sizes` that are allowed and not yet in `series`, with its seeds; None where there are none."""
    declared = knobs_for(series.settings)[series.axis]
    high = declared.high
    if series.axis == "dataset_size":
        high = min(high, series.curves.runs[series.members[0]].task.max_size)
    new = sorted({size for size in sizes if declared.low <= size <= high} - set(series.sizes))
    if not new:
        return None
    return _follow_up(series.settings | {series.axis: tuple(new)} | old_seeds(series), words.sizes(series.axis, new))


def follow_up_runs(sweep: SweepSpec) -> tuple[RunSpec, ...]:
    """Return the runs beyond `sweep` that its verdicts may name as follow-up runs, now or once some are trained.

    They do not depend on any result, so those that are trained are found, whatever they were trained for.
    """
    drawn = "data_seed" if len(sweep.values("data_seed")) > 1 else "seed"
    seeds = tuple(int(seed) for seed in sweep.values(drawn))
    wider = {drawn: (*seeds, *range(max(seeds) + 1, max(seeds) + 1 + max(0, SEEDS_IN_ALL - len(seeds))))}
    axes = [size_axis(sweep)] + ["dataset_size"] * (len(sweep.values("dataset_size")) > 1)
    larger = {axis: _around(sweep, axis) for axis in axes if len(sweep.values(axis)) > 1}

    def few(settings: dict[str, Any]) -> bool:
        return math.prod(len(values) for values in settings.values()) <= MOST_FOLLOW_UP

    own, given = set(sweep.run_keys), dict(sweep.settings)
    parts = [given | wider | larger, given | wider, given | larger]
    taken = parts[:1] if few(parts[0]) else [part for part in parts[1:] if few(part)]
    found = {run.key: run for part in taken for run in SweepSpec.of(part).runs()}
    return tuple(run for key, run in found.items() if key not in own)


def _around(sweep: SweepSpec, axis: str) -> tuple[int, ...]:
    """Return the values of `axis`, those halfway between two of them, and some beyond, as far as they are allowed."""
    sizes = sorted(int(size) for size in sweep.values(axis))
    more = {*sizes, *(sizes[-1] * factor for factor in (2, 4, 8))}
    more |= {round(math.sqrt(one * other)) for one, other in itertools.pairwise(sizes)}
    high = knobs_for(dict(sweep.settings))[axis].high
    if axis == "dataset_size":
        high = min(high, sweep.runs()[0].task.max_size)
    return tuple(sorted(size for size in more if size <= high))


def more_steps(series: Series, indices: Iterable[int], factor: int) -> FollowUp | None:
    """Return the runs of the sizes at `indices` with `factor` times the steps; None where so many are not allowed."""
    steps = int(series.settings["steps"]) * factor
    if steps > knobs_for(series.settings)["steps"].high:
        return None
    sizes = tuple(series.sizes[index] for index in sorted(set(indices)))
    settings = series.settings | {series.axis: sizes, "steps": steps} | old_seeds(series)
    if len(series.sizes) > 1:
        listed = words.sizes(series.axis, sizes)
        text = _n("{n:,} step at {sizes}", "{n:,} steps at {sizes}", steps, sizes=listed)
    else:
        text = _n("{n:,} step", "{n:,} steps", steps)
    return _follow_up(settings, text, longer=True)


def old_seeds(series: Series) -> dict[str, Any]:
    """Return the seeds of `series`, as SweepSpec.of takes them."""
    seeds, data_seeds = series.seed_values("seed"), series.seed_values("data_seed")
    found: dict[str, Any] = {"seed": seeds, "fold": series.seed_values("fold")}
    return found if _own_data(series) else found | {"data_seed": data_seeds}


def data_seeds_of(sweep: SweepSpec, count: int) -> dict[str, Any]:
    """Return the first `count` seeds of a sweep, or data seeds where these alone differ, as SweepSpec.of takes them."""
    seeds, data_seeds = sweep.values("seed"), sweep.values("data_seed")
    if len(seeds) == 1 and len(data_seeds) > 1:
        return {"seed": seeds, "data_seed": data_seeds[:count]}
    first = seeds[:count] if len(seeds) > 1 else tuple(range(int(seeds[0]), int(seeds[0]) + count))
    return {"seed": first, "data_seed": data_seeds[:1]}


def _new_seeds(series: Series, count: int) -> dict[str, Any]:
    found = old_seeds(series)
    drawn = "data_seed" if not _own_data(series) and len(found["data_seed"]) > 1 else "seed"
    first = max(found[drawn]) + 1
    return found | {drawn: tuple(range(first, first + count))}


def _own_data(series: Series) -> bool:
    """Return whether every seed draws its own data, as it does by default."""
    runs = [series.curves.runs[index] for index in series.members]
    return all(run.seed == run.data_seed for run in runs)


def _missing(effect: Effect, minimum: float, have: int) -> int:
    """Return how many more seeds would move the interval clear of 0, or of the minimum."""
    least = max(LEAST_SEEDS - have, 1)
    if effect.n < 2:
        return least
    distance = effect.value if effect.value >= minimum else minimum - effect.value
    for count in range(least, MOST_SEEDS):
        if effect.half(have + count) <= SURE * distance:
            return count
    return MOST_SEEDS


def _follow_up(settings: dict[str, Any], text: str, *, longer: bool = False) -> FollowUp:
    return FollowUp(sweep=SweepSpec.of(settings), words=text, longer=longer)
