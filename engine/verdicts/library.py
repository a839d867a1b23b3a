"""Judges a sweep: every claim that its shape allows to ask."""

from collections.abc import Callable, Sequence

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts import double_descent, grokking, jump, overfitting, power_law
from engine.verdicts.curves import Curves
from engine.verdicts.series import Series, series_of, size_axis
from engine.verdicts.settle import settling
from engine.verdicts.verdict import TITLES, Verdict


def judge(sweep: SweepSpec, curves: Curves, *, measure: str = "error") -> tuple[Verdict, ...]:
    """Return the verdicts on `sweep` in the order of TITLES, each curve of a sweep that has several by itself.

    `curves` may hold runs beyond the sweep: those that differ from its runs in size and seed alone are judged with
    them, so that the runs that settle a verdict count. `measure`: "error" or "loss", of what rises and falls.
    Raises: ValueError: for another measure.
    """
    if measure not in ("error", "loss"):
        raise ValueError(f"measure={measure} is not possible; allowed: error or loss.")
    metric = f"test_{measure}"
    axis, several = size_axis(sweep), len(sweep.values("dataset_size")) > 1
    found: list[Verdict | None] = []
    if len(sweep.values(axis)) > 1 or not several:
        for series in series_of(sweep, curves, axis):
            found += [*_of_sizes(series, metric), *_of_runs(series, metric)]
    if several:
        for series in series_of(sweep, curves, "dataset_size"):
            found += [double_descent.by_data(series, metric), power_law.power_law(series)]
            found += _of_runs(series, metric) if len(sweep.values(axis)) == 1 else []
    order = list(TITLES)
    verdicts = [verdict for verdict in found if verdict is not None]
    return tuple(sorted(verdicts, key=lambda verdict: order.index(verdict.claim)))


def judge_settled(
    sweep: SweepSpec, read: Callable[[Sequence[RunSpec]], Curves], *, measure: str = "error"
) -> tuple[tuple[Verdict, ...], Curves]:
    """Return the verdicts on `sweep` together with the runs that settle them, as far as there are any; and all curves.

    `read` gives the curves of runs, as far as they are there. So to settle a verdict is to train what its `settle`
    names, and to judge again.
    """
    curves = settled(sweep, read)
    return judge(sweep, curves, measure=measure), curves


def settled(sweep: SweepSpec, read: Callable[[Sequence[RunSpec]], Curves]) -> Curves:
    """Return the curves of `sweep` together with those of the runs that settle its verdicts."""
    return read((*sweep.runs(), *settling(sweep)))


def _of_sizes(series: Series, metric: str) -> list[Verdict | None]:
    return [
        overfitting.overfits(series, metric),
        double_descent.by_size(series, metric),
        power_law.power_law(series),
        *jump.jumps(series),
    ]


def _of_runs(series: Series, metric: str) -> list[Verdict | None]:
    return [double_descent.by_step(series, metric), grokking.grokking(series)]
