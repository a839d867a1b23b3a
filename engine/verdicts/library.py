"""Judges a sweep: every claim that its shape allows to ask."""

from collections.abc import Callable, Sequence

from engine.spec import RunSpec, SweepSpec
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
    by_size = series_of(sweep, curves, size_axis(sweep))
    found = [verdict for series in by_size for verdict in _of_sizes(series, metric)]
    if len(sweep.values("dataset_size")) > 1:
        amounts = series_of(sweep, curves, "dataset_size")
        made = (
            ask for series in amounts for ask in (double_descent.by_data(series, metric), power_law.power_law(series))
        )
        found += [verdict for verdict in made if verdict is not None]
    order = list(TITLES)
    return tuple(sorted(found, key=lambda verdict: order.index(verdict.claim)))


def judge_settled(
    sweep: SweepSpec, read: Callable[[Sequence[RunSpec]], Curves], *, measure: str = "error"
) -> tuple[tuple[Verdict, ...], Curves]:
    """Return the verdicts on `sweep` together with the runs that settle them, as far as there are any; and all curves.

    `read` gives the curves of runs, as far as they are there. So to settle a verdict is to train what its `settle`
    names, and to judge again.
    """
    curves = read((*sweep.runs(), *settling(sweep)))
    return judge(sweep, curves, measure=measure), curves


def _of_sizes(series: Series, metric: str) -> list[Verdict]:
    made = (
        overfitting.overfits(series, metric),
        double_descent.by_size(series, metric),
        double_descent.by_step(series, metric),
        power_law.power_law(series),
        grokking.grokking(series),
        *jump.jumps(series),
    )
    return [verdict for verdict in made if verdict is not None]
