"""Size or learning rate? A small ladder of rates at three sizes, and whether the sweep's rate is wrong for some."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.base.language import _, _n
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec, knobs_for
from engine.verdicts import words
from engine.verdicts.curves import Array, Curves
from engine.verdicts.follow_up import data_seeds_of
from engine.verdicts.intervals import Effect, at, effect, nearby, select_by_others
from engine.verdicts.series import Series, mean, series_of, size_axis
from engine.verdicts.verdict import FollowUp

RUNGS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""The rates of the ladder, as factors of the sweep's rate."""
SEEDS = 2
"""Seeds of the ladder."""
WRONG = 3.0
"""Factor by which the best rate must differ from the sweep's rate, at least, for that to be wrong."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One size of the ladder."""

    size: int
    best: float
    """The rate of the lowest validation loss, between rungs by a parabola in the log of the rate."""
    edge: bool
    """Whether the best rate is the lowest or the highest rung, so that a better one may lie beyond."""
    cost: Effect
    """Validation loss (nats) at the sweep's rate minus that at the rung that is best for the other seeds."""
    wrong: bool
    """Whether the best rate is far off and the cost is beyond the noise of the seeds, or all runs diverged."""
    diverged: bool
    """Whether every run at the sweep's rate diverged."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Whether the learning rate of a sweep is wrong for some size, from its ladder."""

    rate: float
    """The sweep's learning rate."""
    axis: str
    """The setting that is model size: width or depth."""
    rungs: tuple[Rung, ...]
    answer: Literal["right", "wrong"]
    sentence: str
    """The answer as users read it."""


def ladder(sweep: SweepSpec) -> SweepSpec:
    """Return the runs that check the rate of `sweep`: RUNGS times its rate at its smallest, middle and largest size.

    Other settings that the sweep varies take their first value; its seeds are the first SEEDS.
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
    """Return what the ladder of `sweep` says; None before all its runs have ended. `read` returns curves of runs."""
    wanted = ladder(sweep)
    curves = read(wanted.runs())
    if len(curves.runs) < wanted.size or not (curves.finished | curves.diverged).all():
        return None
    return evaluate_rates(sweep, curves)


def rate_follow_up(sweep: SweepSpec) -> FollowUp:
    """Return the ladder of `sweep` as the follow-up runs that settle whether its rate is wrong."""
    wanted, axis = ladder(sweep), size_axis(sweep)
    text = _n(
        "{n} rate at {sizes}, {seeds} each",
        "{n} rates at {sizes}, {seeds} each",
        len(wanted.values("lr")),
        sizes=words.sizes(axis, [int(size) for size in wanted.values(axis)]),
        seeds=words.seeds(max(len(wanted.values(name)) for name in ("seed", "data_seed"))),
    )
    return FollowUp(sweep=wanted, words=text)


def evaluate_rates(sweep: SweepSpec, curves: Curves) -> Rates | None:
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
    nearest = int(np.abs(np.log(rates / rate)).argmin())
    diverged = not np.isclose(rates[nearest], rate)  # the rate itself has no run that finished
    lowest = int(np.nanargmin(means))
    chosen = select_by_others(table, lambda others: (int(np.where(np.isfinite(others), others, np.inf).argmin()),))[
        :, 0
    ]
    used = np.full(len(table), nearest)
    cost = effect(at(table, used) - at(table, chosen), nearby(table, used, chosen))
    best = _parabola(np.log(rates), means, lowest)
    off = max(best / rate, rate / best)
    return Rung(
        size=size,
        best=best,
        edge=lowest in (0, len(rates) - 1),
        cost=cost,
        wrong=diverged or (off > WRONG and cost.low > 0),
        diverged=diverged,
    )


def _parabola(logs: Array, values: Array, lowest: int) -> float:
    """Return the rate at the minimum of the parabola through the lowest value and its neighbours.

    At an edge, or where the parabola has no minimum, it is the rate of the lowest value.
    """
    near = [lowest - 1, lowest, lowest + 1]
    if near[0] < 0 or near[2] >= len(logs) or not np.isfinite(values[near]).all():
        return float(np.exp(logs[lowest]))
    curvature, grad, _level = np.polyfit(logs[near] - logs[lowest], values[near], 2)
    if curvature <= 0:
        return float(np.exp(logs[lowest]))
    offset = np.clip(-grad / (2 * curvature), logs[near[0]] - logs[lowest], logs[near[2]] - logs[lowest])
    return float(np.exp(logs[lowest] + offset))


def _sentence(rungs: tuple[Rung, ...], rate: float, axis: str) -> str:
    best = ", ".join(_best(rung, axis) for rung in rungs)
    wrong = [_cost(rung, axis) for rung in rungs if rung.wrong]
    if not wrong:
        return _(
            "The learning rate {rate:.3g} is not wrong for any size checked; the best on validation loss is {best}.",
            rate=rate,
            best=best,
        )
    return _(
        "The learning rate {rate:.3g} was wrong for {sizes}; the best on validation loss is {best}.",
        rate=rate,
        sizes=words.together(wrong),
        best=best,
    )


def _best(rung: Rung, axis: str) -> str:
    size = words.sizes(axis, [rung.size])
    if rung.edge:
        return _("{rate:.2g} or beyond at {size}", rate=rung.best, size=size)
    return _("{rate:.2g} at {size}", rate=rung.best, size=size)


def _cost(rung: Rung, axis: str) -> str:
    size = words.sizes(axis, [rung.size])
    if rung.diverged:
        return _("{size} (every run diverged)", size=size)
    return _("{size} (it costs {cost})", size=size, cost=words.span(rung.cost, "val_loss"))
