"""Library: find saved sweeps, mark them, take them along or delete them; look after the store."""

import streamlit as st

from pages.ui import actions, link, notices, reads, services
from pages.ui.imports import collections
from pages.ui.library import card, maintenance, rows

PAGE = "library"


def library() -> None:
    opened = services.opened()
    notices.take_in(opened.db)
    arrive()
    actions.say()
    search = rows.search(reads.tags(opened.db))
    found = reads.shelf_page(opened.db, search.text, search.tags, search.archived, search.sort, search.page)
    link.leave(PAGE, rows.written(search, found))
    picked = rows.picked(found)
    table, panel = st.columns([5, 3] if len(picked) else [1, 1e-9], gap="medium" if len(picked) else None)
    with table:
        rows.draw(found, search, picked)
    with panel:
        card.draw(opened, picked)
    maintenance.draw(opened)
    collections.draw(opened)


def arrive() -> None:
    """Set the widgets as the address says, when it was the address that brought the visitor here."""
    params = link.arrived(PAGE)
    if params is not None:
        asked, problems = rows.read(params)
        rows.fill(asked)
        st.session_state["library.problems"] = problems
    for sentence in st.session_state["library.problems"]:
        st.error(sentence, icon=":material/error:")


with services.in_words():
    library()
