"""Compute-optimal sizes without a parametric loss: isoFLOP minima (approach 2), the envelope of curves (approach 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.laws.fit import Fit, HeldOut
from engine.laws.observations import FLOPS_PER_PARAM_TOKEN, Observations

Array = NDArray[np.float64]
Minimum = Literal["parabola", "akima"]

SAME_BUDGET = 0.1
"""Decades of compute within which runs belong to one budget."""
SAME_SIZE = 0.02
"""Difference of log size below which two runs of a budget have the same one."""
LEAST_SIZES = 4
"""Sizes of a budget: a parabola through three fits whatever they are."""
LEAST_BUDGETS = 3
ENVELOPE_POINTS = 40


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """What one budget says."""

    compute: float
    """FLOPs, the geometric mean over its runs."""
    n: float
    """Size of the lowest loss; NaN where there is no minimum inside."""
    loss: float
    sizes: int
    refusal: str = ""


def fit_isoflop(
    rows: Observations, *, minimum: Minimum = "parabola", bootstrap: int = 200, seed: int = 0, level: float = 0.9
) -> Fit:
    """Return N* = k·C^a through the minima of loss against log size at each budget. Source: arXiv:2203.15556 §3.2.

    `minimum`: of a least-squares parabola, or of an Akima curve through the mean losses, which has no shape in mind.
    Budgets whose minimum lies at their smallest or largest size are left out.
    Raises: ValueError: where fewer than two budgets have a minimum.
    """
    groups = _budgets(rows.compute)
    optima = [_optimum(rows, which, minimum) for which in groups]
    chance = np.random.default_rng(seed)
    drawn = [[_resampled(which, rows.run, chance) for which in groups] for _ in range(bootstrap)]
    sampled = [[_optimum(rows, which, minimum) for which in one] for one in drawn]
    return _frontier("isoflop", "IsoFLOP minima", rows, optima, sampled, level, minimum)


def fit_envelope(rows: Observations, *, bootstrap: int = 200, seed: int = 0, level: float = 0.9) -> Fit:
    """Return N* = k·C^a through the sizes of lowest loss along the curves of runs. Source: arXiv:2203.15556 §3.1.

    The rows of one run are points of its training curve: same n, rising d. Where the smallest or the largest model is
    the lowest, that amount of compute is left out. Raises: ValueError: for fewer than two curves.
    """
    curves = [np.flatnonzero(rows.run == run) for run in np.unique(rows.run)]
    curves = [which for which in curves if len(which) > 1]
    if len({float(rows.n[which[0]]) for which in curves}) < 2:
        raise ValueError("an envelope needs curves of at least two sizes; allowed: several rows per run.")
    optima = _envelope(rows, curves)
    chance = np.random.default_rng(seed)
    draws = [[curves[i] for i in chance.integers(0, len(curves), len(curves))] for _ in range(bootstrap)]
    return _frontier(
        "envelope", "Envelope of curves", rows, optima, [_envelope(rows, one) for one in draws], level, "lowest"
    )


def by_budget(rows: Observations) -> list[Observations]:
    """Return the rows of each budget, the smallest first."""
    places = np.arange(len(rows))
    return [rows.take(np.isin(places, which)) for which in _budgets(rows.compute)]


def _budgets(compute: Array) -> list[NDArray[np.intp]]:
    """Return the rows of each budget, the smallest first."""
    order = np.argsort(compute, kind="stable")
    logs = np.log10(compute[order])
    groups: list[list[int]] = []
    begin = -np.inf
    for place, log in zip(order, logs, strict=True):
        if log - begin > SAME_BUDGET:
            groups.append([])
            begin = log
        groups[-1].append(int(place))
    return [np.array(group) for group in groups]


def _resampled(which: NDArray[np.intp], runs: NDArray[np.intp], chance: np.random.Generator) -> NDArray[np.intp]:
    """Draw runs of one budget with replacement."""
    names = np.unique(runs[which])
    return np.concatenate([which[runs[which] == name] for name in chance.choice(names, len(names))])


def _optimum(rows: Observations, which: NDArray[np.intp], minimum: Minimum) -> Optimum:
    logs, losses = np.log(rows.n[which]), rows.loss[which]
    compute = float(np.exp(np.log(rows.compute[which]).mean()))
    sizes, means = _merged(logs, losses)

    def none(why: str) -> Optimum:
        return Optimum(compute=compute, n=np.nan, loss=np.nan, sizes=len(sizes), refusal=why)

    if len(sizes) < LEAST_SIZES:
        return none(f"there are fewer than {LEAST_SIZES} sizes")
    if means.argmin() in (0, len(sizes) - 1):
        edge = "smallest" if means.argmin() == 0 else "largest"
        return none(f"the lowest loss is at the {edge} size, so that the minimum may lie beyond")
    if minimum == "parabola":
        middle = logs.mean()
        bend, slope, level = np.polyfit(logs - middle, losses, 2)
        best = middle - slope / (2 * bend) if bend > 0 else np.nan
        if not sizes[0] < best < sizes[-1]:
            return none("the parabola has no minimum between the sizes")
        return Optimum(
            compute=compute, n=float(np.exp(best)), loss=float(level - slope**2 / (4 * bend)), sizes=len(sizes)
        )
    from scipy.interpolate import Akima1DInterpolator

    fine = np.linspace(sizes[0], sizes[-1], 2001)
    curve = Akima1DInterpolator(sizes, means)(fine)
    lowest = int(curve.argmin())
    return Optimum(compute=compute, n=float(np.exp(fine[lowest])), loss=float(curve[lowest]), sizes=len(sizes))


def _merged(logs: Array, losses: Array) -> tuple[Array, Array]:
    """Return the sizes, those that are all but equal as one, and the mean loss of each."""
    order = np.argsort(logs)
    place = np.concatenate([[0], np.cumsum(np.diff(logs[order]) > SAME_SIZE)])
    count = np.bincount(place)
    return np.bincount(place, logs[order]) / count, np.bincount(place, losses[order]) / count


def _envelope(rows: Observations, curves: Sequence[NDArray[np.intp]]) -> list[Optimum]:
    logs = np.log(rows.compute)
    low, high = min(logs[w].min() for w in curves), max(logs[w].max() for w in curves)
    grid = np.linspace(low, high, ENVELOPE_POINTS + 2)[1:-1]
    losses = np.full((len(curves), len(grid)), np.inf)
    for place, which in enumerate(curves):
        which = which[np.argsort(logs[which])]
        inside = (grid >= logs[which[0]]) & (grid <= logs[which[-1]])
        losses[place, inside] = np.exp(np.interp(grid[inside], logs[which], np.log(rows.loss[which])))
    sizes = np.array([rows.n[which[0]] for which in curves])
    optima = []
    for column, log in enumerate(grid):
        if np.isfinite(losses[:, column]).sum() < 2:
            continue
        best = int(losses[:, column].argmin())
        there = sizes[np.isfinite(losses[:, column])]
        at_edge = sizes[best] in (there.min(), there.max())
        why = "the lowest curve is that of the smallest or the largest size" if at_edge else ""
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
        reasons = "; ".join(_left_out(optima)) or "there is one budget"
        raise ValueError(f"fewer than two budgets have a minimum between their sizes: {reasons}.")
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
        | {"left_out": [_sentence(reason) for reason in _left_out(optima)]},
    )


def _refusals(optima: Sequence[Optimum], found: Sequence[Optimum]) -> list[str]:
    compute = [one.compute for one in found]
    refusals = [_sentence(reason) for reason in _left_out(optima)]
    if len(found) < LEAST_BUDGETS:
        refusals.append(f"Only {len(found)} budgets have a minimum: a line through them says nothing of its own error.")
    if np.log10(max(compute) / min(compute)) < 1:
        refusals.append("The budgets span less than a decade: no exponent is supported; add budgets ten times larger.")
    return refusals


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}."


def _left_out(optima: Sequence[Optimum]) -> list[str]:
    """Return a sentence for each reason why budgets were left out."""
    reasons: dict[str, list[str]] = {}
    for one in optima:
        if one.refusal:
            reasons.setdefault(one.refusal, []).append(f"{one.compute:.3g}")
    return [f"left out, because {why}: the budgets of {', '.join(which)} FLOPs" for why, which in reasons.items()]


def _held_out(found: Sequence[Optimum]) -> HeldOut | None:
    """Predict the size of the largest budget's minimum from the others."""
    kept, last = list(found[:-1]), found[-1]
    if len(kept) < 2:
        return None
    k, a, _, _ = _line(kept)
    ahead = float(np.exp(k + a * np.log(last.compute)))
    inside = [float(np.exp(k + a * np.log(one.compute))) / one.n - 1 for one in kept]
    return HeldOut(
        rows=(),
        sizes=(last.compute,),
        of="compute",
        predicted=(ahead,),
        observed=(last.n,),
        error=abs(ahead / last.n - 1),
        in_sample_error=float(np.mean(np.abs(inside))),
        flat_error=abs(kept[-1].n / last.n - 1),
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
