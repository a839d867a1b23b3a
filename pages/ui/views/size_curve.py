"""Tables of runs → figures of loss against size. Pure: no Streamlit, no SQL, no torch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from engine.base.language import _
from pages.ui.measures import AXES, SPLIT_NAMES, SPLITS, scale
from pages.ui.summary import View, drawable, marked, means, sizes

_DASHES = {"test": "solid", "train": "dot", "val": "dash"}
_COLORS = (0, 3, 4, 5, 6)
"""Theme colours of series; 1 and 2 are left to training and validation, where there is one series."""
AXIS = {
    "gridcolor": "var(--border, 0.6)",
    "zeroline": False,
    "linecolor": "var(--border)",
    "tickcolor": "var(--border)",
}
"""Of every chart."""
LAYOUT = {
    "hoverlabel": {"bgcolor": "var(--background)", "bordercolor": "var(--border)"},
    "margin": {"l": 56, "r": 40, "t": 44, "b": 48},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "var(--text)", "size": 13},
    "modebar": {"color": "var(--text, 0.45)", "activecolor": "var(--text)", "bgcolor": "rgba(0,0,0,0)"}
    | {"orientation": "v"},
    "uirevision": "kept",
    "template": None,
}
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star")


def size_curve(
    table: pd.DataFrame, view: View, losses: Collection[str] = ("cross-entropy",), *, split_known: bool = True
) -> go.Figure:
    """Return loss or error against size, a mean line with its band and dots per series and split.

    `table` is that of store.results.queries.runs_at with a column `series`, the name of the curve a run belongs to;
    `losses` are what their training minimises. Where the split is not known, one curve alone goes by its name too.
    """
    figure = go.Figure()
    view = drawable(table, view)
    names = list(dict.fromkeys(table["series"]))
    for split in view.show:
        for number, name in enumerate(names):
            look = _Look.of(split, number, name, len(names), first=split == view.show[0])
            rows = table[table["series"] == name]
            for trace in _traces(rows, view, f"{split}_{view.y}", look):
                figure.add_trace(trace)
    if len(names) == 1 and not split_known:
        figure.update_traces(name=escape(names[0], quote=False))
    _lay_out(figure, table, view, title=scale(view.y, losses), many=len(names) > 1)
    for number, (name, size) in enumerate(marked(table, view).items()):
        if size is not None:
            _mark_threshold(
                figure, size, view, _Look.of("train", number, name, len(names), first=False), alone=len(names) == 1
            )
    return figure


@dataclass(frozen=True, kw_only=True)
class _Look:
    """How one curve is drawn. One series: colour tells the split. Several: colour tells the series, dash the split."""

    name: str
    group: str
    """What a click in the legend turns on and off."""
    titled: bool
    """Whether it has its own line in the legend."""
    color: int
    symbol: str
    dash: str

    @classmethod
    def of(cls, split: str, number: int, series: str, names: int, first: bool) -> "_Look":
        alone = names == 1
        shown = escape(series, quote=False)  # Plotly would make links and bold letters of a name's tags
        return cls(
            name=SPLIT_NAMES[split] if alone else shown if first else f"{shown} · {SPLIT_NAMES[split]}",
            group=split if alone else series,
            titled=alone or first,
            color=SPLITS.index(split) if alone else _COLORS[number % len(_COLORS)],
            symbol=_SYMBOLS[0 if alone else number % len(_SYMBOLS)],
            dash=_DASHES[split],
        )

    def ink(self, opacity: float | None = None) -> str:
        """Return the colour for chart.js to resolve by the theme."""
        return f"var(--series-{self.color})" if opacity is None else f"var(--series-{self.color}, {opacity})"


def _traces(rows: pd.DataFrame, view: View, metric: str, look: _Look) -> list[go.Scatter]:
    mean = means(rows, metric, view.x)
    values = rows[metric].astype(float)
    if view.log_y:  # a log axis has no place for zero
        mean, values = mean[mean["mean"] > 0], values[values > 0]
    if mean.empty:
        return []
    common = {"legendgroup": look.group, "name": look.name}
    traces = []
    band = mean[mean["n"] > 1]
    if len(band) > 1 and look.titled:  # the second and third split of many series would only blur the first
        traces.append(_band(band, view, look, common))
    if len(values) > len(mean) and look.titled:
        traces.append(
            go.Scatter(
                x=_f4(sizes(rows, view.x)[values.index]),
                y=_f4(values),
                mode="markers",
                marker={"size": 5, "color": look.ink(0.4), "symbol": look.symbol},
                hoverinfo="skip",
                showlegend=False,
                **common,
            )
        )
    symbols = [look.symbol + ("-open" if training else "") for training in mean["training"]]
    traces.append(
        go.Scatter(
            x=_f4(mean["size"]),
            y=_f4(mean["mean"]),
            mode="lines+markers",
            line={"color": look.ink(), "width": 2.5 if look.dash == "solid" else 2, "dash": look.dash},
            marker={"size": 8, "symbol": symbols, "color": look.ink()},
            text=[_hover(row.mean, row.error, row.n, view.y, row.training) for row in mean.itertuples(index=False)],
            hovertemplate="%{text}",
            showlegend=look.titled,
            **common,
        )
    )
    return traces


def _band(mean: pd.DataFrame, view: View, look: _Look, common: Mapping[str, str]) -> go.Scatter:
    upper, lower = mean["mean"] + mean["error"], mean["mean"] - mean["error"]
    if view.log_y:
        lower = lower.clip(lower=mean["mean"].min() / 2)
    return go.Scatter(
        x=_f4(np.concatenate([mean["size"], mean["size"][::-1]])),
        y=_f4(np.concatenate([upper, lower[::-1]])),
        fill="toself",
        fillcolor=look.ink(0.16),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        **common,
    )


def _hover(mean: float, error: float, n: int, scale: str, training: bool) -> str:
    said, spread = (f"{100 * v:.2f} %" if scale != "loss" else f"{v:.4g}" for v in (mean, error))
    value = f"{said} ± {spread}" if n > 1 else said
    return _("{value} (n = {n}, in training)", value=value, n=n) if training else f"{value} (n = {n})"


def _lay_out(figure: go.Figure, table: pd.DataFrame, view: View, *, title: str, many: bool) -> None:
    figure.update_layout(
        xaxis={
            **AXIS,
            "title": {"text": AXES[view.x], "standoff": 8, "font": {"size": 13}},
            "type": "log" if view.log_x else "linear",
            "uirevision": f"{view.x} {view.log_x}",
            "unifiedhovertitle": {"text": f"<b>{AXES[view.x]} %{{x}}</b>"},
            "showgrid": False,
            "ticks": "outside",
            **_ticks(sizes(table, view.x), view),
        },
        yaxis={
            **AXIS,
            "type": "log" if view.log_y else "linear",
            "tickformat": "~g" if view.y == "loss" else ".1~%",
            **_log_ticks(table, view),
            "autorangeoptions": {} if view.log_y else {"include": [1 if view.y == "accuracy" else 0]},
            "uirevision": f"{view.y} {view.log_y}",
        },
        title=titled(title),
        legend=_legend(many),
        hovermode="x unified",
        **LAYOUT,
    )


def titled(text: str) -> dict[str, object]:
    """Return a title above the upper left corner: what the upright axis shows."""
    corner = {"x": 0, "xanchor": "left", "xref": "container", "y": 1, "yanchor": "top", "yref": "container"}
    return {"text": text, "font": {"size": 13}, "pad": {"l": 8, "t": 8}, **corner}


def _legend(many: bool) -> dict[str, object]:
    """Return where the legend stands: above the plot, or beneath it where names are long."""
    place: dict[str, object] = {"x": 0, "xanchor": "left", "y": -0.17, "yanchor": "top", "orientation": "v"}
    if not many:
        place = {"x": 1, "xanchor": "right", "y": 1, "yref": "container", "yanchor": "top", "orientation": "h"}
    return place | {"uirevision": "legend"}


def _ticks(drawn: pd.Series, view: View) -> dict[str, object]:
    own = sorted(set(drawn))
    if view.x == "depth" or (view.x == "width" and view.log_x and len(own) <= 16):
        return {"tickvals": own, "ticktext": [f"{v:g}" for v in own]}
    every: dict[str, object] = {"dtick": "D2"} if view.log_x else {}  # 1, 2, 5, 10: more would run into each other
    return every | {"tickformat": "~s" if view.x != "ratio" else "~g"}


def _log_ticks(table: pd.DataFrame, view: View) -> dict[str, str]:
    """Return marks at 1, 2 and 5 where a log axis spans so much that marks at every digit would run into each other."""
    values = table[[f"{split}_{view.y}" for split in view.show]].to_numpy(float)
    drawn = values[np.isfinite(values) & (values > 0)]
    return {"dtick": "D2"} if view.log_y and len(drawn) and drawn.max() >= 10 * drawn.min() else {}


def _mark_threshold(figure: go.Figure, size: float, view: View, look: _Look, *, alone: bool) -> None:
    color = "var(--text, 0.55)" if alone else look.ink(0.7)
    figure.add_shape(
        type="line", x0=size, x1=size, y0=0, y1=1, yref="paper", line={"color": color, "width": 1.5, "dash": "4px,4px"}
    )
    if alone:
        figure.add_annotation(
            x=float(np.log10(size)) if view.log_x else size,
            y=1,
            yref="paper",
            yanchor="top",
            xanchor="left",
            text=f" {_('interpolation threshold')}",
            showarrow=False,
            font={"color": color, "size": 12},
        )


def _f4(values: pd.Series | np.ndarray | Sequence[float]) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)
