"""What figures of laws are drawn with: marks, lines, a law with its band and forecast, the axes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from engine.base.language import _
from pages.ui import text
from pages.ui.views.size_curve import AXIS, LAYOUT, titled

Array = NDArray[np.float64]

SEEN, LAW, GREY, HELD, BEST = "--series-0", "--series-1", "--series-2", "--series-4", "--series-3"
"""Colours: what was measured, the law, a law that is refused, what it had not seen, minima."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What axes count, and how far a forecast goes."""

    size: str
    loss: str
    share: bool
    more: float
    """How far a forecast goes, as a multiple of the largest size seen."""
    refused: bool
    """Whether the law is drawn grey, and nothing beyond what was seen."""
    examples: bool = False
    """Whether sizes are numbers of training examples, not of models."""

    @property
    def axis(self) -> str:
        """Title of the size axis."""
        return text.capital(self.size) if self.examples else _("Model size ({unit})", unit=self.size)

    @property
    def ink(self) -> str:
        """Colour of the law."""
        return GREY if self.refused else LAW

    @property
    def within(self) -> "Look":
        """The same look for a chart that ends with what was seen."""
        return replace(self, more=1, refused=True)

    def shown(self, loss: float) -> str:
        """Return a loss as hover texts show it."""
        return f"{100 * loss:.3g} %" if self.share else f"{loss:.4g}"


def law(
    figure: go.Figure, x: Array, y: Array, low: Array, high: Array, *, seen: float, look: Look, name: str = ""
) -> None:
    """Add a line with its band: solid over what was seen, dashed beyond, where nothing is drawn of a refused law."""
    name = name or _("law")
    inside = x <= seen * (1 + 1e-9)
    shown = inside if look.refused else np.isfinite(x)
    if not look.refused:
        figure.add_shape(
            type="rect", x0=seen, x1=float(x.max()), y0=0, y1=1, yref="paper", fillcolor="var(--text, 0.05)"
        ).update_shapes(line_width=0, layer="below")
        figure.add_annotation(
            {"text": _("forecast"), "x": np.log10(seen), "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top"}
            | {"showarrow": False, "xshift": 4, "font": {"color": "var(--text, 0.55)", "size": 12}}
        )
    band = np.concatenate([high[shown], low[shown][::-1]])
    figure.add_trace(
        go.Scatter(
            x=_f8(np.concatenate([x[shown], x[shown][::-1]])),
            y=_f8(band),
            mode="lines",
            fill="toself",
            fillcolor=f"var({look.ink}, 0.18)",
            line={"width": 0},
            hoverinfo="skip",
            name=_("90 % interval"),
        )
    )
    figure.add_trace(line(x[inside], y[inside], name, look.ink, dash="dash" if look.refused else "solid"))
    if not look.refused:
        ahead = np.append(np.flatnonzero(inside)[-1:], np.flatnonzero(~inside))
        figure.add_trace(line(x[ahead], y[ahead], name, look.ink, dash="dot", group=name).update(showlegend=False))


def dots(figure: go.Figure, x: Array, y: Array, look: Look) -> None:
    """Add a dot per run."""
    hover = [f"{text.count(at)}: {look.shown(loss)}" for at, loss in zip(x, y, strict=True)]
    figure.add_trace(marks(x, y, _("run"), SEEN, hover, size=6, opacity=0.45))


def marks(
    x: Array,
    y: Array,
    name: str,
    color: str,
    hover: Sequence[str],
    size: int,
    symbol: str = "circle",
    opacity: float = 1,
) -> go.Scatter:
    """Return marks at points, with the text `hover` of each."""
    ink = f"var({color})" if opacity == 1 else f"var({color}, {opacity})"
    return go.Scatter(
        x=_f8(x),
        y=_f8(y),
        mode="markers",
        name=name,
        legendgroup=name,
        marker={"size": size, "color": ink, "symbol": symbol, "line": {"width": 2 if "open" in symbol else 0}},
        text=list(hover),
        hovertemplate="%{text}<extra></extra>",
    )


def line(
    x: Array, y: Array, name: str, color: str, *, dash: str = "solid", group: str = "", opacity: float = 1
) -> go.Scatter:
    """Return a line through points; with a `group`, it has no entry of its own in the legend."""
    ink = f"var({color})" if opacity == 1 else f"var({color}, {opacity})"
    return go.Scatter(
        x=_f8(x),
        y=_f8(y),
        mode="lines",
        name=name,
        legendgroup=group or name,
        showlegend=not group,
        line={"color": ink, "width": 2.5, "dash": dash},
        hoverinfo="skip",
    )


def laid_out(
    figure: go.Figure, seen: Array, look: Look, *, x: str, y: str, log_y: bool = True, flops: bool = False
) -> go.Figure:
    """Return the figure with its axes, `x` and `y` their titles; `flops`: the horizontal one counts training FLOPs."""
    far = float(seen.max()) * (1 if look.refused else look.more)
    low, high = np.log10(float(seen.min())), np.log10(far)
    room = 0.03 * max(high - low, 0.1)
    lowest, spread = _extent(figure)
    legend = {"x": 0, "xanchor": "left", "y": -0.16, "yanchor": "top", "orientation": "h", "uirevision": "legend"}
    return figure.update_layout(
        xaxis={
            **AXIS,
            "type": "log",
            "range": [low - room, high + room],
            "title": {"text": x, "standoff": 8, "font": {"size": 13}},
            "showgrid": False,
            "ticks": "outside",
            "tickformat": ".0e" if flops else "~s" if far > 1000 else "~g",
            "uirevision": f"{x} {far}",
        }
        | _ticks(high - low),
        yaxis={
            **AXIS,
            "type": "log" if log_y else "linear",
            "tickformat": ".2~%" if look.share else ".0e" if lowest < 1e-3 else "~g",
            "uirevision": f"{y} {log_y}",
        }
        | (_ticks(spread) if log_y else {}),
        title=titled(y),
        legend=legend,
        hovermode="closest",
        **LAYOUT,
    )


def _ticks(decades: float) -> dict[str, object]:
    """Return which ticks a log axis has: few enough for its labels not to run into each other."""
    return {"dtick": 1} if decades > 2.5 else {"dtick": "D2"} if decades > 0.55 else {}


def _extent(figure: go.Figure) -> tuple[float, float]:
    """Return the lowest of the drawn values that a log axis has, and over how many decades they range."""
    values = np.concatenate([np.asarray(trace.y, dtype=float) for trace in figure.data])
    values = values[np.isfinite(values) & (values > 0)]
    return (float(values.min()), float(np.log10(values.max() / values.min()))) if len(values) else (1.0, 0.0)


def _f8(values: Array) -> Array:
    return np.asarray(values, dtype=np.float64)
