"""The cheapest runs that would settle a verdict: more seeds where it is decided, or sizes that are not there yet."""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.spec import SweepSpec, knobs_for
from engine.verdicts import words
from engine.verdicts.intervals import LEAST_SEEDS, Effect
from engine.verdicts.series import Series
from engine.verdicts.verdict import Settle

MOST_SEEDS = 12
"""Most seeds that are asked for at once."""
SURE = 0.8
"""Share of an effect's distance from the bound that half its new interval may take."""


def more_seeds(series: Series, places: Iterable[int], effects: Sequence[Effect], worth: float) -> Settle:
    """Return as many new seeds, at the sizes at `places`, as the spread seen says are needed."""
    count = max(_missing(one, worth, len(series.units)) for one in effects)
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


def more_steps(series: Series, places: Iterable[int], factor: int) -> Settle | None:
    """Return the runs at `places` anew with `factor` times the steps."""
    steps = int(series.settings["steps"]) * factor
    if steps > knobs_for(series.settings)["steps"].high:
        return None
    sizes = tuple(series.sizes[place] for place in sorted(set(places)))
    settings = series.settings | {series.axis: sizes, "steps": steps} | old_seeds(series)
    at = f" at {words.sizes(series.axis, sizes)}" if len(series.sizes) > 1 else ""
    return _settle(settings, f"{steps:,} steps{at}")


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


def _settle(settings: dict[str, Any], text: str) -> Settle:
    sweep = SweepSpec.of(settings)
    return Settle(sweep=sweep, words=text, runs=sweep.size)
