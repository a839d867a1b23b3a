"""The cheapest runs that would settle a verdict: more seeds where it is decided, or sizes that are not there yet."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from engine.spec.run import RunSpec
from engine.spec.sweep import MAX_RUNS, SweepSpec, knobs_for
from engine.verdicts import words
from engine.verdicts.intervals import LEAST_SEEDS, Effect
from engine.verdicts.series import Series, size_axis
from engine.verdicts.verdict import Settle

MOST_SEEDS = 12
"""Most seeds that are asked for at once."""
SEEDS_IN_ALL = 30
"""Seeds from which on more are not asked for: what so many do not settle is too small to matter."""
MOST_SETTLING = MAX_RUNS
"""Most runs that are looked for beyond a sweep."""
SURE = 0.8
"""Share of an effect's distance from the bound that half its new interval may take."""


def more_seeds(series: Series, places: Iterable[int], effects: Sequence[Effect], worth: float) -> Settle | None:
    """Return as many new seeds, at the sizes at `places`, as the spread seen asks for; None beyond SEEDS_IN_ALL."""
    count = min(max(_missing(one, worth, one.n) for one in effects), SEEDS_IN_ALL - len(series.units))
    if count < 1:
        return None
    sizes = [series.sizes[place] for place in sorted({place for place in places if place >= 0})]
    settings = series.settings | {series.axis: tuple(sizes)} | _new_seeds(series, count)
    words_ = f"{count} more {'seed' if count == 1 else 'seeds'}"
    if len(series.sizes) > 1:
        words_ += f" at {words.sizes(series.axis, sizes)}"
    return _settle(settings, words_)


def other_sizes(series: Series, sizes: Sequence[float]) -> Settle | None:
    """Return the sizes that are possible and not there yet, with the seeds there are; None where none is."""
    declared = knobs_for(series.settings)[series.axis]
    high = declared.high
    if series.axis == "dataset_size":
        high = min(high, series.curves.runs[series.members[0]].task.max_size)
    new = sorted({size for size in sizes if declared.low <= size <= high} - set(series.sizes))
    if not new:
        return None
    return _settle(series.settings | {series.axis: tuple(new)} | old_seeds(series), f"{words.sizes(series.axis, new)}")


def settling(sweep: SweepSpec) -> tuple[RunSpec, ...]:
    """Return the runs beyond `sweep` that its verdicts may name to be settled, now or once such runs are there.

    They do not depend on what has been measured: so what of them was trained is found, whatever it was trained for.
    """
    drawn = "data_seed" if len(sweep.values("data_seed")) > 1 else "seed"
    seeds = tuple(int(seed) for seed in sweep.values(drawn))
    wider = {drawn: (*seeds, *range(max(seeds) + 1, max(seeds) + 1 + max(0, SEEDS_IN_ALL - len(seeds))))}
    axes = [size_axis(sweep)] + ["dataset_size"] * (len(sweep.values("dataset_size")) > 1)
    larger = {axis: _around(sweep, axis) for axis in axes if len(sweep.values(axis)) > 1}

    def few(settings: dict[str, Any]) -> bool:
        return math.prod(len(values) for values in settings.values()) <= MOST_SETTLING

    own, given = set(sweep.run_keys()), dict(sweep.settings)
    parts = [given | wider | larger, given | wider, given | larger]
    taken = parts[:1] if few(parts[0]) else [part for part in parts[1:] if few(part)]
    found = {run.key: run for part in taken for run in SweepSpec.of(part).runs()}
    return tuple(run for key, run in found.items() if key not in own)


def _around(sweep: SweepSpec, axis: str) -> tuple[int, ...]:
    """Return the values of `axis`, those between two of them, and some beyond, as far as there may be such."""
    sizes = sorted(int(size) for size in sweep.values(axis))
    more = {*sizes, *(sizes[-1] * factor for factor in (2, 4, 8))}
    more |= {round(math.sqrt(one * other)) for one, other in itertools.pairwise(sizes)}
    high = knobs_for(dict(sweep.settings))[axis].high
    if axis == "dataset_size":
        high = min(high, sweep.runs()[0].task.max_size)
    return tuple(sorted(size for size in more if size <= high))


def more_steps(series: Series, places: Iterable[int], factor: int) -> Settle | None:
    """Return the runs at `places` anew with `factor` times the steps."""
    steps = int(series.settings["steps"]) * factor
    if steps > knobs_for(series.settings)["steps"].high:
        return None
    sizes = tuple(series.sizes[place] for place in sorted(set(places)))
    settings = series.settings | {series.axis: sizes, "steps": steps} | old_seeds(series)
    at = f" at {words.sizes(series.axis, sizes)}" if len(series.sizes) > 1 else ""
    return _settle(settings, f"{steps:,} steps{at}", longer=True)


def old_seeds(series: Series) -> dict[str, Any]:
    """Return the seeds of `series`, as SweepSpec.of takes them."""
    seeds, data_seeds = series.seed_values("seed"), series.seed_values("data_seed")
    found: dict[str, Any] = {"seed": seeds, "fold": series.seed_values("fold")}
    return found if _own_data(series) else found | {"data_seed": data_seeds}


def data_seeds_of(sweep: SweepSpec, count: int) -> dict[str, Any]:
    """Return the first `count` seeds of a sweep, or data seeds where it has one seed alone, for SweepSpec.of."""
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
    runs = [series.curves.runs[place] for place in series.members]
    return all(run.seed == run.data_seed for run in runs)


def _missing(effect: Effect, worth: float, have: int) -> int:
    """Return how many seeds more bring the interval clear of 0, or of what is worth the name."""
    least = max(LEAST_SEEDS - have, 1)
    if effect.n < 2:
        return least
    distance = effect.value if effect.value >= worth else worth - effect.value
    for count in range(least, MOST_SEEDS):
        if effect.half(have + count) <= SURE * distance:
            return count
    return MOST_SEEDS


def _settle(settings: dict[str, Any], text: str, *, longer: bool = False) -> Settle:
    sweep = SweepSpec.of(settings)
    return Settle(sweep=sweep, words=text, longer=longer)
