"""A fit → its figures: the curve with interval and forecast, isoFLOP curves, the frontier, residuals. Pure."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from engine.base.language import _
from engine.laws.budgets import by_budget
from engine.laws.checks import size_means
from engine.laws.observations import Observations
from engine.laws.result import Fit, interval
from pages.ui import text
from pages.ui.views.strokes import BEST, GREY, HELD, SEEN, Array, Look, dots, laid_out, law, line, marks

_POINTS = 80
_BUDGET_COLORS = (0, 3, 4, 5, 6, 1)
_BUDGET_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross")


def curve(rows: Observations, fit: Fit | None, look: Look) -> go.Figure:
    """Return loss against size: runs, their means, the law with its interval, what it predicts of runs held out."""
    figure = go.Figure()
    dots(figure, rows.n, rows.loss, look)
    sizes, means = size_means(rows)[:2]
    if len(sizes) < len(rows):
        hover = [
            _("{count} {unit}: mean {loss}", count=text.count(n), unit=look.size, loss=look.shown(y))
            for n, y in zip(sizes, means, strict=True)
        ]
        figure.add_trace(marks(sizes, means, _("mean of a size"), SEEN, hover, size=8))
    if fit is not None:
        drawn = _drawn_sizes(rows.n, look)
        every = fit.at(drawn[None])
        law(figure, drawn, every[0], *_bounds(every, fit.share), seen=float(rows.n.max()), look=look)
        _held_out(figure, rows, rows.n, fit, look)
    linear = fit is not None and fit.law in ("saturating", "sigmoid")
    return laid_out(figure, rows.n, look, x=look.axis, y=look.loss, log_y=not linear)


def by_compute(rows: Observations, fit: Fit, best: pd.DataFrame, look: Look) -> go.Figure:
    """Return loss against compute: runs, and the lowest loss that the law expects of each budget."""
    figure = go.Figure()
    compute = rows.compute
    dots(figure, compute, rows.loss, look)
    bounds = best["loss_low"].to_numpy(), best["loss_high"].to_numpy()
    seen = float(compute.max())
    name = _("best of law")
    law(figure, best["compute"].to_numpy(), best["loss"].to_numpy(), *bounds, seen=seen, look=look, name=name)
    _held_out(figure, rows, compute, fit, look)
    return laid_out(figure, compute, look, x=_compute_axis(), y=look.loss, flops=True)


def against(rows: Observations, fit: Fit, look: Look) -> go.Figure:
    """Return what was measured against what the law says of the same runs."""
    said = fit.at(np.stack([getattr(rows, name) for name in fit.inputs]))[0]
    figure = go.Figure()
    ends = np.array([min(said.min(), rows.loss.min()), max(said.max(), rows.loss.max())])
    figure.add_trace(line(ends, ends, _("as the law says"), look.ink))
    dots(figure, said, rows.loss, look)
    within = look.within
    return laid_out(figure, said, within, x=_("Loss that the law says"), y=look.loss)


def isoflop(rows: Observations, fit: Fit | None, look: Look) -> go.Figure:
    """Return loss against size, a curve per budget, with the minima through which the frontier goes."""
    figure = go.Figure()
    budgets = by_budget(rows)
    parabola = fit is not None and fit.details["minimum"] == "parabola"
    none: list[dict[str, Any]] = [{"compute": float(np.exp(np.log(own.compute).mean())), "n": None} for own in budgets]
    optima: list[dict[str, Any]] = none if fit is None else fit.details["optima"]
    for number, (own, best) in enumerate(zip(budgets, optima, strict=True)):
        color = f"--series-{_BUDGET_COLORS[number % len(_BUDGET_COLORS)]}" if best["n"] else GREY
        budget = text.flops(best["compute"])
        name = budget if best["n"] else _("{budget} (left out)", budget=budget)
        sizes, means = size_means(own)[:2]
        symbol = _BUDGET_SYMBOLS[number % len(_BUDGET_SYMBOLS)]
        hover = [
            _(
                "{budget}<br>{count} {unit}: {loss}",
                budget=name,
                count=text.count(n),
                unit=look.size,
                loss=look.shown(y),
            )
            for n, y in zip(sizes, means, strict=True)
        ]
        figure.add_trace(marks(sizes, means, name, color, hover, size=7, symbol=symbol))
        valley = _valley(own, best) if parabola and best["n"] else (sizes, means)
        figure.add_trace(line(*valley, name, color, group=name, opacity=0.8 if best["n"] else 0.4))
    if found := [one for one in optima if one["n"]]:
        x, y = (np.array([one[name] for one in found]) for name in ("n", "loss"))
        hover = [_("Minimum at {budget}: {count} {unit}", **_at(one, look)) for one in found]
        figure.add_trace(marks(x, y, _("minimum"), BEST, hover, size=14, symbol="star"))
    within = look.within
    return laid_out(figure, rows.n, within, x=look.axis, y=look.loss)


def training_curves(rows: Observations, fit: Fit, look: Look) -> go.Figure:
    """Return loss against compute along the curve of each run, and the points of their envelope."""
    figure = go.Figure()
    compute = rows.compute
    for number, run in enumerate(np.unique(rows.run)):
        own = np.flatnonzero(rows.run == run)
        own = own[np.argsort(compute[own])]
        drawn = line(compute[own], rows.loss[own], _("a run"), SEEN, group="runs", opacity=0.35)
        figure.add_trace(drawn.update(showlegend=number == 0, line={"width": 1.2}))
    found = [one for one in fit.details["optima"] if one["n"]]
    x, y = (np.array([one[name] for one in found]) for name in ("compute", "loss"))
    hover = [_("{budget}: lowest with {count} {unit}", **_at(one, look)) for one in found]
    figure.add_trace(marks(x, y, _("lowest, between sizes"), BEST, hover, size=8))
    within = look.within
    return laid_out(figure, compute, within, x=_compute_axis(), y=look.loss, flops=True)


def frontier(fit: Fit, best: pd.DataFrame, look: Look) -> go.Figure:
    """Return the compute-optimal size against compute, with its interval and the minima that it goes through."""
    figure = go.Figure()
    compute = fit.observations.compute
    bounds = best["n_low"].to_numpy(), best["n_high"].to_numpy()
    name = _("optimal size")
    seen = float(compute.max())
    law(figure, best["compute"].to_numpy(), best["n"].to_numpy(), *bounds, seen=seen, look=look, name=name)
    optima = [one for one in fit.details.get("optima", ()) if one["n"]]
    if optima:
        x, y = (np.array([one[part] for one in optima]) for part in ("compute", "n"))
        hover = [_("{budget}: {count} {unit}", **_at(one, look)) for one in optima]
        figure.add_trace(marks(x, y, _("minimum of a budget"), BEST, hover, size=11, symbol="star"))
    if optima and (held := fit.held_out):
        hover = [
            _("Said from the smaller budgets: {count} {unit}", count=text.count(n), unit=look.size)
            for n in held.predicted
        ]
        points = np.array(held.sizes), np.array(held.predicted)
        figure.add_trace(marks(*points, _("predicted unseen"), HELD, hover, 10, "diamond-open"))
    plain = replace(look, share=False)
    title = _("Compute-optimal size ({unit})", unit=look.size)
    laid_out(figure, compute, plain, x=_compute_axis(), y=title, flops=True)
    return figure.update_yaxes(tickformat="~s")


def residuals(fit: Fit, look: Look) -> go.Figure:
    """Return by how much each run lies above or below the law."""
    rows = fit.observations
    found = [one for one in fit.details.get("optima", ()) if one["n"]]
    if found:
        x, title = np.array([one["compute"] for one in found]), _compute_axis()
    else:
        x, title = rows.n, look.axis
    linear = fit.law in ("saturating", "sigmoid")
    values = fit.residuals if linear else np.expm1(fit.residuals)
    figure = go.Figure()
    hover = [_off(n, v, linear=linear) for n, v in zip(x, values, strict=True)]
    figure.add_trace(marks(x, values, _("residual"), SEEN, hover, size=6, opacity=0.6))
    figure.add_shape(type="line", x0=0, x1=1, xref="paper", y0=0, y1=0, line={"color": f"var({look.ink})", "width": 2})
    if linear:
        y = _("Residual (measured − law)")
    else:
        y = _("Residual (minimum ÷ law − 1)") if found else _("Residual (measured ÷ law − 1)")
    within = replace(look.within, share=True)
    laid_out(figure, x, within, x=title, y=y, log_y=False, flops=bool(found))
    return figure.update_layout(showlegend=False, yaxis={"tickformat": "+.2~%"})


def _compute_axis() -> str:
    return _("Training compute (FLOPs)")


def _at(optimum: dict[str, float], look: Look) -> dict[str, str]:
    """Return the named values of a hover text on the best size of a budget."""
    return {"budget": text.flops(optimum["compute"]), "count": text.count(optimum["n"]), "unit": look.size}


def _off(place: float, residual: float, *, linear: bool) -> str:
    count = text.count(place)
    if linear:
        return _("{count}: {points:+.3g} points", count=count, points=100 * residual)
    return f"{count}: {100 * residual:+.3g} %"


def _drawn_sizes(seen: Array, look: Look) -> Array:
    far = seen.max() if look.refused else look.more * seen.max()
    # The largest size seen is one of them: there the line changes its dash.
    within = np.geomspace(seen.min(), seen.max(), _POINTS)
    return within if look.refused else np.concatenate([within, np.geomspace(seen.max(), far, _POINTS // 2)[1:]])


def _bounds(every: Array, share: float) -> tuple[Array, Array]:
    if len(every) < 3:
        return every[0], every[0]
    low, high = np.array([interval(column[1:], share, column[0]) for column in every.T]).T
    return low, high


def _held_out(figure: go.Figure, rows: Observations, x: Array, fit: Fit, look: Look) -> None:
    """Mark the runs that the back-test had not seen, and what it predicted of them."""
    held = fit.held_out
    if held is None:
        return
    place = {int(row): float(value) for row, value in zip(rows.row, x, strict=True)}
    at = np.array([place[row] for row in held.rows])
    pairs = pd.DataFrame({"x": at, "said": held.predicted, "was": held.observed})
    hover = [
        _("Held out: {measured}, said {predicted}", measured=look.shown(was), predicted=look.shown(said))
        for said, was in zip(pairs["said"], pairs["was"], strict=True)
    ]
    ring = marks(pairs["x"].to_numpy(), pairs["was"].to_numpy(), _("held out, measured"), HELD, hover, 9, "circle-open")
    figure.add_trace(ring)
    said = pairs.drop_duplicates(["x", "said"])
    hover = [_("Said unseen: {predicted}", predicted=look.shown(value)) for value in said["said"]]
    figure.add_trace(
        marks(said["x"].to_numpy(), said["said"].to_numpy(), _("predicted unseen"), HELD, hover, 10, "diamond")
    )


def _valley(own: Observations, best: dict[str, float]) -> tuple[Array, Array]:
    """Return the parabola of a budget: with its minimum known, its bend alone is left to be found."""
    x = np.log(own.n / best["n"])
    bend = float(((own.loss - best["loss"]) * x**2).sum() / (x**4).sum())
    fine = np.linspace(x.min(), x.max(), _POINTS)
    return best["n"] * np.exp(fine), best["loss"] + bend * fine**2
