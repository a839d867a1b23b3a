"""Explore: pick data, an architecture and sizes; train or load them; see loss against size."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine.spec.sweep import SweepSpec
from pages.ui import jobs, link, notices, reads, services, summary, viewing
from pages.ui.explore import controls, follow_up, report, start, training, verdicts
from pages.ui.grid import grid
from pages.ui.summary import View

PAGE = "explore"
STOOD = "stood"
"""Set in a session once its first curve stands."""
POLL = 1.0
"""Seconds between two looks at the store while something trains."""


def explore() -> None:
    opened = services.opened()
    arrive()
    early = is_early(opened)
    if early:
        st.sidebar.skeleton(height=700)
    sweep, problem = (st.session_state["sweep"], "") if early else choose()
    head, bar = st.columns([2, 3], gap="medium", vertical_alignment="bottom")
    with head:
        start.draw(opened, sweep)
    for sentence in [problem] if problem else st.session_state["problems"]:
        st.error(sentence, icon=":material/error:")
    view = viewing.draw(PAGE, lambda: reads.steps(opened.db, sweep), summary.axes(sweep), grid(sweep).losses)
    if not problem:
        link.leave(PAGE, link.written(sweep, view))
    active = is_active(opened, sweep)
    st.fragment(watch, run_every=POLL if active else None)(opened, sweep, view, bar, active, not problem)


def is_early(opened: services.Services) -> bool:
    """Return whether a first visitor still waits for a curve: then it comes before the controls, 0.7 s sooner."""
    if STOOD in st.session_state:
        return False
    return not reads.table(opened.db, st.session_state["sweep"], "last", "loss").empty


def is_active(opened: services.Services, sweep: SweepSpec) -> bool:
    """Return whether something trains that this page shows: the sweep, or follow-up runs of a verdict on it."""
    return jobs.active(opened, sweep) or follow_up.active(opened, sweep)


def arrive() -> None:
    """Set the widgets as the address says, when it was the address that brought the visitor here."""
    params = link.arrived(PAGE)
    if params is not None:
        shown = link.read(params)
        controls.fill(shown.sweep)
        viewing.fill(PAGE, shown.view)
        st.session_state.update({"sweep": shown.sweep, "problems": shown.problems})


def choose() -> tuple[SweepSpec, str]:
    """Draw the controls; return the sweep they make, or the last good one and a sentence on what is wrong."""
    with st.sidebar:
        try:
            sweep = controls.sweep()
            grid(sweep)  # some settings are wrong only together
        except ValueError as problem:
            return st.session_state["sweep"], str(problem)
    if sweep != st.session_state["sweep"]:
        st.session_state.update({"sweep": sweep, "problems": ()})
    return sweep, ""


def watch(
    opened: services.Services, sweep: SweepSpec, view: View, bar: DeltaGenerator, active: bool, valid: bool
) -> None:
    with services.in_words():
        if active:
            opened.supervisor.tend()
        notices.take_in(opened.db)
        if is_active(opened, sweep) != active:
            st.rerun()
        progress = reads.progress(opened.db, sweep)
        with bar:
            training.draw(opened, sweep, progress, valid)
        table = reads.table(opened.db, sweep, view.at, view.by)
        stands = report.draw(sweep, table, view, active=active)
        training.failed(opened, sweep, table)
        if stands and STOOD not in st.session_state:
            st.session_state[STOOD] = True
            st.rerun()
        if stands:
            cards = st.container()
            report.draw_table(sweep, table, view)
            with cards:
                if not jobs.active(opened, sweep):  # verdicts on half a curve would only flicker
                    verdicts.draw(opened, sweep, view.by)


with services.in_words():
    explore()
