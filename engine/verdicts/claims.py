"""The claims that are evaluated on a sweep: those that its shape allows."""

from collections.abc import Callable, Sequence

from engine.base.language import _
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts import double_descent, grokking, jump, overfitting, power_law
from engine.verdicts.curves import Curves
from engine.verdicts.follow_up import follow_up_runs
from engine.verdicts.series import Series, series_of, size_axis
from engine.verdicts.verdict import TITLES, Verdict


def judge(sweep: SweepSpec, curves: Curves, *, measure: str = "error") -> tuple[Verdict, ...]:
    """Return the verdicts on `sweep` in the order of TITLES; where a sweep has several curves, each has its own.

    `curves` may hold runs beyond the sweep. Those that differ from its runs in size and seed alone are evaluated with
    them, so that follow-up runs count. `measure`: what rises and falls, "error" or "loss".
    Raises: ValueError: for another measure.
    """
    if measure not in ("error", "loss"):
        raise ValueError(_("measure={measure} is not possible; allowed: error or loss.", measure=measure))
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


def judge_with_follow_up(
    sweep: SweepSpec, read: Callable[[Sequence[RunSpec]], Curves], *, measure: str = "error"
) -> tuple[tuple[Verdict, ...], Curves]:
    """Return the verdicts on `sweep` and its follow-up runs, as far as these are trained, and all their curves.

    `read` returns the curves of runs, as far as they are trained. So a verdict is settled by training the runs that its
    `follow_up` names and calling this again. Raises: ValueError: as `judge`.
    """
    curves = curves_with_follow_up(sweep, read)
    return judge(sweep, curves, measure=measure), curves


def curves_with_follow_up(sweep: SweepSpec, read: Callable[[Sequence[RunSpec]], Curves]) -> Curves:
    """Return the curves of `sweep` and of its follow-up runs; `read` as in `judge_with_follow_up`."""
    return read((*sweep.runs(), *follow_up_runs(sweep)))


def _of_sizes(series: Series, metric: str) -> list[Verdict | None]:
    return [
        overfitting.overfits(series, metric),
        double_descent.by_size(series, metric),
        power_law.power_law(series),
        *jump.jumps(series),
    ]


def _of_runs(series: Series, metric: str) -> list[Verdict | None]:
    return [double_descent.by_step(series, metric), grokking.grokking(series)]
