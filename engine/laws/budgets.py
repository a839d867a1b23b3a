"""Compute-optimal sizes without a parametric loss: isoFLOP minima (approach 2), envelope of curves (approach 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.base.language import _, _n
from engine.laws.observations import FLOPS_PER_PARAM_TOKEN, Observations
from engine.laws.result import Fit, HeldOut

Array = NDArray[np.float64]
Minimum = Literal["parabola", "akima"]

SAME_BUDGET = 0.1
"""Decades of compute within which runs belong to one budget."""
SAME_SIZE = 0.02
"""Difference of log size below which two runs of a budget count as one size."""
LEAST_SIZES = 4
"""Sizes below which a budget has no minimum: a parabola through three always fits."""
LEAST_BUDGETS = 3
"""Budgets below which the line through their minima is refused."""
ENVELOPE_POINTS = 40
"""Amounts of compute at which the lowest curve is looked up."""


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """The best size of one budget."""

    compute: float
    """FLOPs, the geometric mean over its runs."""
    n: float
    """Size of the lowest loss; NaN where no minimum lies between the sizes."""
    loss: float
    sizes: int
    """Sizes of the budget."""
    refusal: str = ""
    """Why there is no best size, a clause that follows "because"; "" where there is one."""


def fit_isoflop(
    rows: Observations, *, minimum: Minimum = "parabola", bootstrap: int = 200, seed: int = 0, level: float = 0.9
) -> Fit:
    """Return N* = k·C^a through the minima of loss against log size at each budget. Source: arXiv:2203.15556 §3.2.

    `minimum`: that of a least-squares parabola, or of an Akima curve through the mean losses, which assumes no shape.
    `bootstrap`: samples of the runs of each budget for the intervals; `seed`: of these; `level`: as in engine.laws.fit.
    Budgets whose minimum lies at their smallest or largest size are left out.
    Raises: ValueError: where fewer than two budgets have a minimum, or without data or compute.
    """
    groups = _budgets(rows.compute)
    optima = [_optimum(rows, which, minimum) for which in groups]
    rng = np.random.default_rng(seed)
    drawn = [[_resampled(which, rows.run, rng) for which in groups] for _sample in range(bootstrap)]
    sampled = [[_optimum(rows, which, minimum) for which in one] for one in drawn]
    return _frontier("isoflop", _("IsoFLOP minima"), rows, optima, sampled, level, minimum)


def fit_envelope(rows: Observations, *, bootstrap: int = 200, seed: int = 0, level: float = 0.9) -> Fit:
    """Return N* = k·C^a through the sizes of lowest loss along the curves of runs. Source: arXiv:2203.15556 §3.1.

    The rows of one run are points of its training curve: same n, rising d. Amounts of compute at which the smallest or
    the largest model is the lowest are left out. `bootstrap`: samples of the curves; others as in fit_isoflop.
    Raises: ValueError: for curves of fewer than two sizes, or where fewer than two amounts of compute are left.
    """
    curves = [np.flatnonzero(rows.run == run) for run in np.unique(rows.run)]
    curves = [which for which in curves if len(which) > 1]
    if len({float(rows.n[which[0]]) for which in curves}) < 2:
        raise ValueError(_("an envelope needs curves of at least two sizes; allowed: several rows per run."))
    optima = _envelope(rows, curves)
    rng = np.random.default_rng(seed)
    draws = [[curves[i] for i in rng.integers(0, len(curves), len(curves))] for _sample in range(bootstrap)]
    return _frontier(
        "envelope", _("Envelope of curves"), rows, optima, [_envelope(rows, one) for one in draws], level, "lowest"
    )


def by_budget(rows: Observations) -> list[Observations]:
    """Return the observations of each budget, the smallest budget first."""
    indices = np.arange(len(rows))
    return [rows.take(np.isin(indices, which)) for which in _budgets(rows.compute)]


def _budgets(compute: Array) -> list[NDArray[np.intp]]:
    """Return the indices of the rows of each budget, the smallest budget first."""
    order = np.argsort(compute, kind="stable")
    logs = np.log10(compute[order])
    groups: list[list[int]] = []
    begin = -np.inf
    for index, log in zip(order, logs, strict=True):
        if log - begin > SAME_BUDGET:
            groups.append([])
            begin = log
        groups[-1].append(int(index))
    return [np.array(group) for group in groups]


def _resampled(which: NDArray[np.intp], runs: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw runs of one budget with replacement."""
    names = np.unique(runs[which])
    return np.concatenate([which[runs[which] == name] for name in rng.choice(names, len(names))])


def _optimum(rows: Observations, which: NDArray[np.intp], minimum: Minimum) -> Optimum:
    logs, losses = np.log(rows.n[which]), rows.loss[which]
    compute = float(np.exp(np.log(rows.compute[which]).mean()))
    sizes, means = _merged(logs, losses)

    def none(why: str) -> Optimum:
        return Optimum(compute=compute, n=np.nan, loss=np.nan, sizes=len(sizes), refusal=why)

    if len(sizes) < LEAST_SIZES:
        return none(_n("there are fewer than {n} sizes", "there are fewer than {n} sizes", LEAST_SIZES))
    if means.argmin() == 0:
        return none(_("the lowest loss is at the smallest size, so that the minimum may lie beyond"))
    if means.argmin() == len(sizes) - 1:
        return none(_("the lowest loss is at the largest size, so that the minimum may lie beyond"))
    if minimum == "parabola":
        middle = logs.mean()
        curvature, grad, level = np.polyfit(logs - middle, losses, 2)
        best = middle - grad / (2 * curvature) if curvature > 0 else np.nan
        if not sizes[0] < best < sizes[-1]:
            return none(_("the parabola has no minimum between the sizes"))
        return Optimum(
            compute=compute, n=float(np.exp(best)), loss=float(level - grad**2 / (4 * curvature)), sizes=len(sizes)
        )
    fine = np.linspace(sizes[0], sizes[-1], 2001)
    curve = scipy.interpolate.Akima1DInterpolator(sizes, means)(fine)
    lowest = int(curve.argmin())
    return Optimum(compute=compute, n=float(np.exp(fine[lowest])), loss=float(curve[lowest]), sizes=len(sizes))


def _merged(logs: Array, losses: Array) -> tuple[Array, Array]:
    """Return the log sizes, nearly equal ones merged, and the mean loss of each."""
    order = np.argsort(logs)
    index = np.concatenate([[0], np.cumsum(np.diff(logs[order]) > SAME_SIZE)])
    count = np.bincount(index)
    return np.bincount(index, logs[order]) / count, np.bincount(index, losses[order]) / count


def _envelope(rows: Observations, curves: Sequence[NDArray[np.intp]]) -> list[Optimum]:
    logs = np.log(rows.compute)
    low, high = min(logs[w].min() for w in curves), max(logs[w].max() for w in curves)
    grid = np.linspace(low, high, ENVELOPE_POINTS + 2)[1:-1]
    losses = np.full((len(curves), len(grid)), np.inf)
    for index, which in enumerate(curves):
        which = which[np.argsort(logs[which])]
        inside = (grid >= logs[which[0]]) & (grid <= logs[which[-1]])
        losses[index, inside] = np.exp(np.interp(grid[inside], logs[which], np.log(rows.loss[which])))
    sizes = np.array([rows.n[which[0]] for which in curves])
    optima = []
    for column, log in enumerate(grid):
        if np.isfinite(losses[:, column]).sum() < 2:
            continue
        best = int(losses[:, column].argmin())
        there = sizes[np.isfinite(losses[:, column])]
        at_edge = sizes[best] in (there.min(), there.max())
        why = _("the lowest curve is that of the smallest or the largest size") if at_edge else ""
        n = np.nan if at_edge else float(sizes[best])
        optima.append(
            Optimum(compute=float(np.exp(log)), n=n, loss=float(losses[best, column]), sizes=len(there), refusal=why)
        )
    return optima


def _line(optima: Sequence[Optimum]) -> tuple[float, float, float, float]:
    """Return log k and a of N* = k·C^a, and the same of L* = l·C^−m, by least squares; NaN without two minima."""
    found = [one for one in optima if np.isfinite(one.n)]
    logs = np.log([one.compute for one in found])
    if len(found) < 2 or np.ptp(logs) == 0:
        return np.nan, np.nan, np.nan, np.nan
    a, k = np.polyfit(logs, np.log([one.n for one in found]), 1)
    m, level = np.polyfit(logs, np.log([one.loss for one in found]), 1)
    return float(k), float(a), float(level), float(-m)


def _frontier(
    law: str,
    title: str,
    rows: Observations,
    optima: Sequence[Optimum],
    sampled: Sequence[Sequence[Optimum]],
    level: float,
    minimum: str,
) -> Fit:
    found = [one for one in optima if np.isfinite(one.n)]
    if len(found) < 2:
        reasons = [
            _("left out, because {reason}: the budgets of {budgets} FLOPs", reason=reason, budgets=budgets)
            for reason, budgets in _left_out(optima)
        ]
        raise ValueError(
            _(
                "fewer than two budgets have a minimum between their sizes: {reasons}.",
                reasons="; ".join(reasons) or _("there is one budget"),
            )
        )
    lines = np.array([_line(optima), *(_line(one) for one in sampled)])
    k, a, loss, m = lines.T
    parameters = {"k": np.exp(k), "a": a, "b": 1 - a, "loss_k": np.exp(loss), "loss_exponent": m}
    residuals = np.log([one.n for one in found]) - k[0] - a[0] * np.log([one.compute for one in found])

    def at(inputs: Array) -> Array:
        sizes: Array = np.exp(k[:, None] + a[:, None] * np.log(inputs[0]))
        return sizes

    return Fit(
        law=law,
        title=title,
        formula="N*(C) = k·C^a, D* = C / 6N*, L*(C) = loss_k·C^−loss_exponent",
        observations=rows,
        estimates={name: float(values[0]) for name, values in parameters.items()},
        objective=float((residuals**2).sum()),
        starts=1,
        reached=1,
        residuals=residuals,
        samples={name: values[1:] for name, values in parameters.items()} if len(sampled) else {},
        level=level,
        held_out=_held_out(found),
        refusals=tuple(_refusals(optima, found)),
        at=at,
        inputs=("compute",),
        details={"minimum": minimum, "flops_per_param_token": FLOPS_PER_PARAM_TOKEN, "optima": _listed(optima)}
        | {"left_out": _left_out_sentences(optima)},
    )


def _refusals(optima: Sequence[Optimum], found: Sequence[Optimum]) -> list[str]:
    compute = [one.compute for one in found]
    refusals = _left_out_sentences(optima)
    if len(found) < LEAST_BUDGETS:
        refusals.append(
            _n(
                "Only {n} budget has a minimum: a line through them says nothing of its own error.",
                "Only {n} budgets have a minimum: a line through them says nothing of its own error.",
                len(found),
            )
        )
    if np.log10(max(compute) / min(compute)) < 1:
        refusals.append(
            _("The budgets span less than a decade: no exponent is supported; add budgets ten times larger.")
        )
    return refusals


def _left_out_sentences(optima: Sequence[Optimum]) -> list[str]:
    """Return a sentence for each reason why budgets were left out."""
    return [
        _("Left out, because {reason}: the budgets of {budgets} FLOPs.", reason=reason, budgets=budgets)
        for reason, budgets in _left_out(optima)
    ]


def _left_out(optima: Sequence[Optimum]) -> list[tuple[str, str]]:
    """Return each reason why budgets were left out, and the list of these."""
    reasons: dict[str, list[str]] = {}
    for one in optima:
        if one.refusal:
            reasons.setdefault(one.refusal, []).append(f"{one.compute:.3g}")
    return [(reason, ", ".join(budgets)) for reason, budgets in reasons.items()]


def _held_out(found: Sequence[Optimum]) -> HeldOut | None:
    """Predict the size of the largest budget's minimum from the others."""
    smaller, last = list(found[:-1]), found[-1]
    if len(smaller) < 2:
        return None
    k, a, _loss, _exponent = _line(smaller)
    ahead = float(np.exp(k + a * np.log(last.compute)))
    inside = [float(np.exp(k + a * np.log(one.compute))) / one.n - 1 for one in smaller]
    return HeldOut(
        rows=(),
        sizes=(last.compute,),
        of="compute",
        predicted=(ahead,),
        observed=(last.n,),
        error=abs(ahead / last.n - 1),
        in_sample_error=float(np.mean(np.abs(inside))),
        flat_error=abs(smaller[-1].n / last.n - 1),
    )


def _listed(optima: Sequence[Optimum]) -> list[dict[str, Any]]:
    return [
        {
            "compute": one.compute,
            "n": one.n if np.isfinite(one.n) else None,
            "loss": one.loss if np.isfinite(one.loss) else None,
            "sizes": one.sizes,
            "refusal": one.refusal,
        }
        for one in optima
    ]
