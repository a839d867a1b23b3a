"""Widgets for how curves are looked at: the axes, the splits, the step."""

from collections.abc import Callable, Collection, Sequence

import streamlit as st

from engine.base.language import _
from pages.ui.measures import SCALES, SPLIT_TITLES, SPLITS, measure_name
from pages.ui.summary import View
from pages.ui.text import capital

_AXES = {"width": _("Width"), "depth": _("Depth"), "params": _("Params"), "ratio": _("Params ÷ data")}
_POINTS = {"last": _("Last step"), "best": _("Best validation"), "step": _("At step")}


def fill(page: str, view: View) -> None:
    """Set the widgets of `page` to `view`. To be called before `draw`."""
    at_step = isinstance(view.at, int)
    parts = {
        "x": view.x,
        "y": view.y,
        "log": [axis for axis in "xy" if axis in view.log],
        "show": list(view.show),
        "at": "step" if at_step else view.at,
    }
    if at_step:
        parts["step"] = view.at
    for name, value in parts.items():
        st.session_state[f"{page}.{name}"] = value


def draw(page: str, steps: Callable[[], Sequence[int]], axes: Sequence[str], losses: Collection[str]) -> View:
    """Draw the widgets in a row and return the view they make.

    `steps` gives those a curve may be read at, `losses` what training minimises.
    """
    if st.session_state[f"{page}.x"] not in axes:
        st.session_state[f"{page}.x"] = axes[0]
    with st.container(horizontal=True, wrap=len(axes) > 3, gap="small", key=f"{page}-view"):
        x = _one(page, "x", _("Size"), {name: _AXES[name] for name in axes})
        y = st.selectbox(
            _("Measure"),
            list(SCALES),
            format_func=lambda name: capital(measure_name(name, losses)),
            key=f"{page}.y",
            width=120,
            persist_state="session",
        )
        log = st.pills(
            _("Log"), ["x", "y"], selection_mode="multi", key=f"{page}.log", width="content", persist_state="session"
        )
        show = st.pills(
            _("Curves"),
            SPLITS,
            selection_mode="multi",
            format_func=SPLIT_TITLES.__getitem__,
            key=f"{page}.show",
            width="content",
            persist_state="session",
        )
        at = st.selectbox(
            _("Read at"),
            list(_POINTS),
            format_func=_POINTS.__getitem__,
            key=f"{page}.at",
            width=150,
            persist_state="session",
        )
    point = _step(page, steps()) if at == "step" else at
    return View(
        x=x,
        y=y,
        log="".join(axis for axis in "xy" if axis in log) or "none",
        show=tuple(split for split in SPLITS if split in show) or ("test",),
        at=point,
    )


def _one(page: str, name: str, label: str, options: dict[str, str]) -> str:
    chosen = st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        required=True,
        key=f"{page}.{name}",
        width="content",
        persist_state="session",
    )
    return str(chosen or next(iter(options)))


def _step(page: str, steps: Sequence[int]) -> int | str:
    if len(steps) < 2:
        return "last"
    asked = st.session_state.get(f"{page}.step", steps[-1])
    # A link may name any step; the slider stands at the last stored one that is not later.
    st.session_state[f"{page}.step"] = max((s for s in steps if s <= asked), default=steps[0])
    return int(
        st.select_slider(_("Step"), steps, key=f"{page}.step", label_visibility="collapsed", persist_state="session")
    )
