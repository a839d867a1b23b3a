"""The one chart component: a figure that redraws in place, so zoom and legend outlive new data."""

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from engine.base.language import _
from pages.ui.assets import SCRIPT_PATH

if TYPE_CHECKING:
    import plotly.graph_objects as go

_render = st.components.v2.component(
    "scalescope_chart",
    html='<div class="scalescope-chart" role="img" style="width: 100%"></div>',
    js=Path(__file__).with_name("chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Plotly puts its style sheet into the document's head
)

_TEXTS = {
    "svg": _("Download plot as an SVG"),
    "failed": _("The chart's script could not be loaded. Check that the app is still running, then reload."),
}
"""What the script says."""


def chart(figure: "go.Figure", *, key: str, alt: str, name: str = "scalescope", height: int = 430) -> bool:
    """Draw `figure`; a later run with the same key changes its data and leaves zoom and legend alone.

    Returns whether the chart stands in the browser: what can wait comes after it, in a run that the chart asks for.
    `alt` says in words what the chart shows; `name` is that of a downloaded picture.
    """
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    script = f"/{base}{SCRIPT_PATH}" if base else SCRIPT_PATH
    data = {"figure": figure.to_json(), "alt": alt, "name": name, "height": height}
    data |= {"script": script, "texts": _TEXTS}
    return bool(_render(key=key, data=data, height=height, on_stands_change=lambda: None).stands)
