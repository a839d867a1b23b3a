"""The chooser of a starting point: presets and saved sweeps, each of which fills the controls."""

from functools import partial

import streamlit as st

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from pages.ui import actions, known_sweeps
from pages.ui.explore import controls
from pages.ui.grid import grid
from pages.ui.services import Services
from store.db.connection import Database


def draw(opened: Services, sweep: SweepSpec) -> None:
    """Draw the chooser; it names `sweep` where that is a preset or saved, and is empty otherwise."""
    key = grid(sweep).key
    options, saved, total = known_sweeps.offered(opened.db, key)
    st.session_state["start"] = key if key in options else None
    more = _("The {saved} newest of {total:,} saved sweeps; the Library has all.", saved=saved, total=total)
    st.selectbox(
        _("Start from"),
        list(options),
        format_func=options.__getitem__,
        key="start",
        placeholder=_("Your own settings. Choose a preset or a saved sweep to start from."),
        help=more if total > saved else None,
        on_change=actions.of(opened.db, partial(_fill, opened.db), at="start"),
    )
    actions.say("start")


def _fill(db: Database) -> None:
    key = st.session_state["start"]
    if key is not None:
        controls.fill(known_sweeps.load(db, key))
