"""Widgets for what is asked of the runs: the law, the measure, the size, the data, the curve; and their address."""

from dataclasses import fields
from typing import Any

import streamlit as st

from engine.base.language import _
from engine.laws.broken import MOST_BREAKS
from pages.ui import link, reads
from pages.ui.grid import grid
from pages.ui.laws import fits, source, words
from pages.ui.laws import question as asking
from pages.ui.laws.question import MEASURES, MOST_DROPPED, SIZES, Asked
from pages.ui.laws.source import Runs
from pages.ui.laws.table import Table, of_runs, of_sweep
from pages.ui.measures import UNIT_TITLES, measure_name
from pages.ui.services import Services
from pages.ui.summary import View

FIRST = ({"preset": "characters-compute", "law": "isoflop"}, {"preset": "teacher-student-size", "law": "power"})
"""What an address that names nothing shows: the first that has results. Those of the text, which is Python's own, ship
for one version of Python."""


def arrive(opened: Services, params: dict[str, str]) -> list[str]:
    """Set all widgets as `params` say; return sentences on what cannot be had."""
    params = params or _first(opened)
    found, problems = asking.read(params)
    if not params:  # the address says how to look, not at what
        params["preset"] = _first(opened)["preset"]
    for part in fields(found):
        st.session_state[_key(part.name)] = getattr(found, part.name)
    return [*problems, *source.arrive(opened, params)]


def address(opened: Services, runs: Runs, asked: Asked) -> dict[str, str]:
    """Return the shortest parameters from which `arrive` gives both again, but for a table's own rows."""
    params = runs.address | asking.written(asked)
    return {} if params == _first(opened) else params


def _first(opened: Services) -> dict[str, str]:
    there = (one for one in FIRST if reads.steps(opened.db, link.preset(one["preset"])))
    return dict(next(there, FIRST[-1]))


def draw(opened: Services, runs: Runs) -> tuple[Asked, Table]:
    """Draw the widgets that suit `runs` in a row; return what is asked and what can be fitted."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="laws-asked"):
        law = str(
            st.selectbox(
                _("Law"), list(words.TITLES), format_func=words.TITLES.__getitem__, key=_key("law"), **_look(250)
            )
        )
        if runs.sweep is not None:
            losses = grid(runs.sweep).losses
            st.selectbox(
                _("Measure"), MEASURES, format_func=lambda name: _measure(name, losses), key=_key("y"), **_look(165)
            )
        table = _table(opened, runs)
        if runs.sweep is not None:
            _draw_size(table)
            table = _table(opened, runs)
        if "d" in asked().needs and len(table.amounts) > 1 and law != "data-constrained":
            _draw_data(table)
        if len(table.curves) > 1:
            st.session_state[_key("curve")] = table.curve(asked())
            st.selectbox(_("Curve"), table.curves, format_func=_named, key=_key("curve"), **_look(220))
        if law == "broken":
            st.selectbox(_("Breaks"), range(1, MOST_BREAKS + 1), key=_key("breaks"), **_look(90))
        st.number_input(
            _("Leave out largest"),
            min_value=0,
            max_value=MOST_DROPPED,
            step=1,
            key=_key("drop"),
            help=_("How many of the largest losses are left out, declared beneath the fit."),
            width=130,
            persist_state="session",
        )
    return asked(), table


def _draw_size(table: Table) -> None:
    sizes = [name for name in SIZES if "d" not in asked().needs or name != "dataset_size"]
    if st.session_state[_key("n")] not in sizes:
        st.session_state[_key("n")] = ""
    names = {"": _("{name} (default)", name=UNIT_TITLES[table.default])} | {name: UNIT_TITLES[name] for name in sizes}
    st.selectbox(_("Size"), list(names), format_func=names.__getitem__, key=_key("n"), **_look(200))


def _draw_data(table: Table) -> None:
    if st.session_state[_key("d")] not in table.amounts:
        st.session_state[_key("d")] = ""
    names = {"": _("{name} (default)", name=table.amounts[table.amount(Asked())]), **table.amounts}
    st.selectbox(_("Data"), list(names), format_func=names.__getitem__, key=_key("d"), **_look(200))


def asked() -> Asked:
    """Return the values of the widgets; a widget that is not drawn counts with its last value."""
    return Asked(**{part.name: st.session_state[_key(part.name)] for part in fields(Asked)})


def say_empty(runs: Runs) -> None:
    """Say what to do where there is nothing to fit."""
    if runs.sweep is None:
        st.info(_("None of these runs can be fitted: choose other columns."), icon=":material/info:")
        return
    st.info(
        _("Nothing of this sweep is trained yet. Open it in Explore and press Train."), icon=":material/show_chart:"
    )
    st.page_link(
        "explore.py",
        label=_("Open in Explore"),
        icon=":material/show_chart:",
        query_params=link.written(runs.sweep, View()),
    )


def warn(runs: Runs, asked: Asked) -> None:
    """Say what makes points on the way to a run's end misleading."""
    if runs.sweep is not None and asked.of_curves:
        schedules = {str(value) for value in runs.sweep.values("schedule")}
        if said := words.decaying(schedules):
            st.warning(said, icon=":material/warning:")


def _table(opened: Services, runs: Runs) -> Table:
    now = asked()
    if runs.sweep is None:
        assert runs.imported is not None
        return of_runs(runs.imported, runs.size_is, runs.data_is, now)
    ends = reads.table(opened.db, runs.sweep, "last", "loss")
    points = fits.curves(opened.db, runs.sweep) if now.of_curves else None
    return of_sweep(runs.sweep, ends, points, grid(runs.sweep).losses, now)


def _measure(name: str, losses: frozenset[str]) -> str:
    split, scale = name.split("_")
    measure = measure_name(scale, losses)
    return _("Test {measure}", measure=measure) if split == "test" else _("Validation {measure}", measure=measure)


def _named(curve: str) -> str:
    return curve or "–"


def _key(name: str) -> str:
    return f"laws.{name}"


def _look(width: int) -> dict[str, Any]:
    return {"width": width, "persist_state": "session"}
