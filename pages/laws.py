"""Scaling laws: a law fitted to runs of a sweep or from elsewhere, what it has not seen, and what it says to train."""

import streamlit as st

from pages.ui import link, notices, services, text
from pages.ui.laws import choosing, report, source

PAGE = "laws"


def laws() -> None:
    opened = services.opened()
    notices.take_in(opened.db)
    problems = arrive(opened)
    for sentence in problems:
        st.error(text.literal(sentence), icon=":material/error:")
    runs = source.choose(opened)
    if runs is None:
        link.leave(PAGE, {"from": "table"})
        return
    asked, table = choosing.draw(opened, runs)
    link.leave(PAGE, choosing.address(opened, runs, asked))
    if table.frame.empty:
        choosing.say_empty(runs)
        return
    choosing.warn(runs, asked)
    report.draw(table, asked)


def arrive(opened: services.Services) -> list[str]:
    """Set the widgets as the address says, when it was the address that brought the visitor here."""
    params = link.arrived(PAGE)
    if params is not None:
        st.session_state["laws.problems"] = choosing.arrive(opened, params)
    problems: list[str] = st.session_state["laws.problems"]
    return problems


with services.in_words():
    laws()
