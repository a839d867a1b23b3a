"""Size or learning rate? A small ladder of rates at three sizes, and whether the sweep's rate was wrong for some."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec, knobs_for
from engine.verdicts import words
from engine.verdicts.curves import Array, Curves
from engine.verdicts.intervals import Effect, at, effect, nearby, picks
from engine.verdicts.series import Series, mean, series_of, size_axis
from engine.verdicts.settle import data_seeds_of
from engine.verdicts.verdict import Settle

RUNGS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the sweep's rate."""
SEEDS = 2
WRONG = 3.0
"""By what factor the best rate must differ from the sweep's, at least, for that to be wrong."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What the ladder says of one size."""

    size: int
    best: float
    """The rate of lowest validation loss, between rungs by a parabola in the logs."""
    edge: bool
    """Whether that is the lowest or highest rung: the best may lie beyond."""
    cost: Effect
    """Validation loss at the sweep's rate minus that at the rung that is best for the other seeds."""
    wrong: bool
    diverged: bool
    """Whether every run at the sweep's rate did."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The ladder judged."""

    rate: float
    """The sweep's."""
    axis: str
    """What size is: width or depth."""
    rungs: tuple[Rung, ...]
    answer: Literal["right", "wrong"]
    sentence: str


def ladder(sweep: SweepSpec) -> SweepSpec:
    """Return the runs that check the rate of `sweep`: RUNGS times it at its smallest, middle and largest size.

    Of what else the sweep varies, the first value is taken, and of its seeds the first SEEDS.
    """
    axis = size_axis(sweep)
    sizes = sorted(int(size) for size in sweep.values(axis))
    settings: dict[str, Any] = {name: values[0] for name, values in sweep.settings}
    rate, high = float(sweep.values("lr")[0]), knobs_for(settings)["lr"].high
    return SweepSpec.of(
        settings
        | {
            axis: tuple(dict.fromkeys((sizes[0], sizes[len(sizes) // 2], sizes[-1]))),
            "lr": tuple(min(rung * rate, high) for rung in RUNGS),
        }
        | data_seeds_of(sweep, SEEDS)
    )


def check_rates(sweep: SweepSpec, read: Callable[[Sequence[RunSpec]], Curves]) -> Rates | None:
    """Return what the ladder of `sweep` says; None before all its runs have ended. `read` gives the curves of runs."""
    wanted = ladder(sweep)
    curves = read(wanted.runs())
    if len(curves.runs) < wanted.size or not (curves.finished | curves.diverged).all():
        return None
    return judge_rates(sweep, curves)


def asking(sweep: SweepSpec) -> Settle:
    """Return the ladder of `sweep` as what settles whether its rate was wrong, with its words."""
    wanted, axis = ladder(sweep), size_axis(sweep)
    rates = f"{len(wanted.values('lr'))} rates at {words.sizes(axis, [int(size) for size in wanted.values(axis)])}"
    drawn = max(len(wanted.values(name)) for name in ("seed", "data_seed"))
    return Settle(sweep=wanted, words=f"{rates}, {words.seeds(drawn)} each")


def judge_rates(sweep: SweepSpec, curves: Curves) -> Rates | None:
    """Return what the ladder of `sweep` says, from curves that hold all its runs; None where none has finished."""
    rate = float(sweep.values("lr")[0])
    series = series_of(ladder(sweep), curves, "lr")
    axis = size_axis(sweep)
    made = [_rung(one, int(one.settings[axis]), rate) for one in series]
    rungs = tuple(sorted((rung for rung in made if rung is not None), key=lambda rung: rung.size))
    if not rungs:
        return None
    return Rates(
        rate=rate,
        axis=axis,
        rungs=rungs,
        answer="wrong" if any(rung.wrong for rung in rungs) else "right",
        sentence=_sentence(rungs, rate, axis),
    )


def _rung(series: Series, size: int, rate: float) -> Rung | None:
    table, rates = series.last("val_loss"), np.array(series.sizes, dtype=np.float64)
    means = mean(table)
    if not np.isfinite(means).any():
        return None
    own = int(np.abs(np.log(rates / rate)).argmin())
    gone = not np.isclose(rates[own], rate)  # every run at this rate diverged
    place = int(np.nanargmin(means))
    chosen = picks(table, lambda others: (int(np.where(np.isfinite(others), others, np.inf).argmin()),))[:, 0]
    here = np.full(len(table), own)
    cost = effect(at(table, here) - at(table, chosen), nearby(table, here, chosen))
    best = _parabola(np.log(rates), means, place)
    off = max(best / rate, rate / best)
    return Rung(
        size=size,
        best=best,
        edge=place in (0, len(rates) - 1),
        cost=cost,
        wrong=gone or (off > WRONG and cost.low > 0),
        diverged=gone,
    )


def _parabola(logs: Array, values: Array, place: int) -> float:
    """Return the minimum of the parabola through the lowest value and its neighbours; the place itself at an edge."""
    near = [place - 1, place, place + 1]
    if near[0] < 0 or near[2] >= len(logs) or not np.isfinite(values[near]).all():
        return float(np.exp(logs[place]))
    curvature, slope, _ = np.polyfit(logs[near] - logs[place], values[near], 2)
    if curvature <= 0:
        return float(np.exp(logs[place]))
    return float(
        np.exp(
            logs[place] + np.clip(-slope / (2 * curvature), logs[near[0]] - logs[place], logs[near[2]] - logs[place])
        )
    )


def _price(rung: Rung) -> str:
    return f"it costs {words.span(rung.cost, 'val_loss')}" if not rung.diverged else "every run diverged"


def _sentence(rungs: tuple[Rung, ...], rate: float, axis: str) -> str:
    wrong = [rung for rung in rungs if rung.wrong]
    best = ", ".join(
        f"{rung.best:.2g}{' or beyond' if rung.edge else ''} at {words.sizes(axis, [rung.size])}" for rung in rungs
    )
    if not wrong:
        return f"The learning rate {rate:.3g} is not wrong for any size checked; the best on validation loss is {best}."
    parts = [f"{words.sizes(axis, [rung.size])} ({_price(rung)})" for rung in wrong]
    return f"The learning rate {rate:.3g} was wrong for {words.together(parts)}; the best on validation loss is {best}."
