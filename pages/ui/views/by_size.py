"""Sizes → figures of the labels that models learn, and of their bias and variance, with their words. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from engine.base.language import _, _n, begun_small, inside
from pages.ui.measures import AXES, AXIS_NAMES
from pages.ui.views.strokes import Array, Look, laid_out, line, marks

if TYPE_CHECKING:
    from engine.verdicts.decomposition import Parts
    from engine.verdicts.flipped import Learned
    from engine.verdicts.intervals import Effect

_LABELS = {"flipped": (_("wrong labels memorised"), "--series-3"), "clean": (_("right labels learned"), "--series-0")}
_PARTS = {
    "error": (_("squared error"), "--series-0"),
    "bias_squared": (_("bias²"), "--series-4"),
    "variance": (_("variance"), "--series-3"),
}
_SYMBOLS = ("circle", "square", "diamond")
_MOST_TICKS = 8
"""Sizes that are all named on the axis; more would run into each other beside another chart."""


def labels(rows: Sequence["Learned"], axis: str) -> go.Figure:
    """Return the shares of wrong and of right training labels that are answered as given, with 95 % intervals."""
    figure = go.Figure()
    sizes = np.array([row.size for row in rows], dtype=np.float64)
    for number, (name, named) in enumerate(_LABELS.items()):
        effects: list[Effect] = [getattr(row, name) for row in rows]
        values = np.array([one.value for one in effects])
        hover = [_hover(named[0], axis, row.size, one) for row, one in zip(rows, effects, strict=True)]
        _curve(figure, sizes, values, named, hover, number, effects)
    return _laid(figure, sizes, axis, _("Share of training labels"), share=True)


def parts(rows: Sequence["Parts"], axis: str, answers: str) -> go.Figure:
    """Return the squared error of answers, e.g. "predicted probabilities", and the two parts that it is the sum of."""
    figure = go.Figure()
    sizes = np.array([row.size for row in rows], dtype=np.float64)
    for number, (name, named) in enumerate(_PARTS.items()):
        values = np.array([getattr(row, name) for row in rows])
        hover = [
            _n(
                "{axis} {size:g}: {curve} {value:.3g}, {n:,} seed",
                "{axis} {size:g}: {curve} {value:.3g}, {n:,} seeds",
                row.seeds,
                axis=AXIS_NAMES[axis],
                size=row.size,
                curve=named[0],
                value=value,
            )
            for row, value in zip(rows, values, strict=True)
        ]
        _curve(figure, sizes, values, named, hover, number)
    return _laid(figure, sizes, axis, _("Squared error of {answers}", answers=answers), share=False)


def alt(figure: go.Figure) -> str:
    """Return in words what one of these figures shows."""
    share = figure.layout.yaxis.tickformat.endswith("%")
    said = []
    for trace in figure.data:
        if trace.mode == "lines":
            first, last = (f"{100 * y:.3g} %" if share else f"{y:.3g}" for y in (trace.y[0], trace.y[-1]))
            ends = {"first": first, "from_size": trace.x[0], "last": last, "to_size": trace.x[-1]}
            said.append(_("{curve} {first} at {from_size:g}, {last} at {to_size:g}", curve=trace.name, **ends))
    title, axis = figure.layout.title.text, figure.layout.xaxis.title.text
    return _(
        "Line chart of {title} against {axis}: {curves}.",
        title=begun_small(title),
        axis=inside(axis),
        curves="; ".join(said),
    )


def _curve(
    figure: go.Figure,
    sizes: Array,
    values: Array,
    named: tuple[str, str],
    hover: Sequence[str],
    number: int,
    effects: Sequence["Effect"] = (),
) -> None:
    name, color = named
    known = np.isfinite(values)
    if not known.any():
        return
    figure.add_trace(line(sizes[known], values[known], name, color, group=name))
    dots = marks(sizes[known], values[known], name, color, [s for s, k in zip(hover, known, strict=True) if k], 8)
    dots.marker.symbol = _SYMBOLS[number]
    if len(effects):
        low, high = np.array([_bounds(one) for one in effects if np.isfinite(one.value)]).T
        ends = {"array": high - values[known], "arrayminus": values[known] - low}
        dots.error_y = {"type": "data", **ends, "color": f"var({color}, 0.5)", "width": 3}
    figure.add_trace(dots)


def _bounds(effect: "Effect") -> tuple[float, float]:
    """Return the interval of a share; the share itself where one seed tells it."""
    return (effect.value, effect.value) if effect.n < 2 else (max(effect.low, 0.0), min(effect.high, 1.0))


def _hover(curve: str, axis: str, size: float, effect: "Effect") -> str:
    low, high = (100 * bound for bound in _bounds(effect))
    named = {"axis": AXIS_NAMES[axis], "size": size, "share": 100 * effect.value, "curve": curve}
    if low < high:
        return _n(
            "{axis} {size:g}: {share:.3g} % ({low:.3g} to {high:.3g}) of {curve}, {n:,} seed",
            "{axis} {size:g}: {share:.3g} % ({low:.3g} to {high:.3g}) of {curve}, {n:,} seeds",
            effect.n,
            low=low,
            high=high,
            **named,
        )
    return _n(
        "{axis} {size:g}: {share:.3g} % of {curve}, {n:,} seed",
        "{axis} {size:g}: {share:.3g} % of {curve}, {n:,} seeds",
        effect.n,
        **named,
    )


def _laid(figure: go.Figure, sizes: Array, axis: str, title: str, *, share: bool) -> go.Figure:
    look = Look(size=axis, loss="", share=share, more=1, refused=True)
    laid_out(figure, sizes, look, x=AXES[axis], y=title, log_y=False)
    if len(sizes) <= _MOST_TICKS:
        figure.update_xaxes(tickvals=sizes.tolist(), ticktext=[f"{size:g}" for size in sizes])
    return figure.update_layout(yaxis={"rangemode": "tozero"}, legend={"y": -0.24}, margin={"b": 84})
