"""Compare: saved sweeps on one size axis, and the settings in which they differ."""

import streamlit as st

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from pages.ui import actions, link, notices, reads, services, viewing
from pages.ui.compare import choosing, renaming, report
from pages.ui.grid import grid
from pages.ui.imports import curves
from pages.ui.summary import View

PAGE = "compare"
_FIRST = View(show=("test",))


def compare() -> None:
    opened = services.opened()
    notices.take_in(opened.db)
    arrive(opened)
    picked = choosing.pick(opened)
    for sentence in st.session_state["compare.problems"]:
        st.error(sentence, icon=":material/error:")
    actions.say()
    imported = curves.pick(opened)
    sweeps = {name: reads.saved(opened.db, key) for key, name in picked.items()}
    losses = frozenset[str]().union(*(grid(sweep).losses for sweep in sweeps.values()))
    view = viewing.draw(PAGE, lambda: steps(opened, sweeps), ("width", "params", "ratio"), losses or {"cross-entropy"})
    asked = {"sweeps": ",".join(picked), "imports": ",".join(imported["import_id"])}
    link.leave(PAGE, {name: keys for name, keys in asked.items() if keys} | link.written_view(view, _FIRST))
    if len(picked) + len(imported) < 2:
        st.info(choosing.advice(opened, len(picked) + len(imported)), icon=":material/stacked_line_chart:")
    if picked or len(imported):
        report.draw(opened, sweeps, imported, view, losses)
    if picked:
        renaming.draw(opened, picked)


def arrive(opened: services.Services) -> None:
    """Set the widgets as the address says, when it was the address that brought the visitor here."""
    params = link.arrived(PAGE)
    if params is None:
        choosing.keep_known(opened)
        return
    unknown = choosing.arrive(opened, params)
    problems = curves.arrive(opened, params.pop("imports", ""))
    view, wrong = link.read_view(params, _FIRST)
    allowed = ", ".join(("sweeps", "imports", *link.VIEW))
    unknown += [_("{name} is not known here; allowed: {allowed}.", name=name, allowed=allowed) for name in params]
    st.session_state["compare.problems"] = [*problems, *wrong, *unknown]
    viewing.fill(PAGE, view)


def steps(opened: services.Services, sweeps: dict[str, SweepSpec]) -> list[int]:
    """Return all steps at which a run of these sweeps was measured, rising."""
    return sorted({step for sweep in sweeps.values() for step in reads.steps(opened.db, sweep)})


with services.in_words():
    compare()
