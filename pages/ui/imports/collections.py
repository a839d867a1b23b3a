"""Imported collections on the page Library: which there are, name, note, take along, delete; and bringing another."""

import tempfile
from pathlib import Path

import pandas as pd
import streamlit as st

from engine.base.language import _, _n
from pages.ui import actions, reads
from pages.ui.imports import curves, upload
from pages.ui.services import Services
from store.exchange import tables
from store.imports import collections
from store.library.naming import MAX_NOTE
from store.results.rows import SCHEMA

_PICKED = "imported.picked"
_TO_DELETE = "imported.to_delete"
"""Where a session keeps which collection it was asked to delete, until that is confirmed."""


def draw(opened: Services) -> None:
    """Draw the collections there are, what can be done with one, and the upload of another."""
    found = reads.imported(opened.db).set_index("import_id", drop=False)
    if len(found):
        with st.expander(
            _n("Imported: {n:,} collection", "Imported: {n:,} collections", len(found)), icon=":material/input:"
        ):
            _collections(opened, found)
    with st.expander(_("Import runs from elsewhere"), icon=":material/table_view:"):
        upload.draw(opened)


def _collections(opened: Services, found: pd.DataFrame) -> None:
    curves.listing(found)
    if st.session_state.get(_PICKED) not in found.index:
        st.session_state[_PICKED] = found.index[0]
    key = str(
        st.selectbox(
            _("Collection"), list(found.index), format_func=lambda one: curves.title(found.at[one, "name"]), key=_PICKED
        )
    )
    for part in ("name", "note"):
        st.session_state[f"imported.{part}"] = found.at[key, part]

    def rename() -> None:
        collections.rename(opened.db, key, st.session_state["imported.name"])

    def note() -> None:
        collections.set_note(opened.db, key, st.session_state["imported.note"])

    st.text_input(_("Name"), key="imported.name", max_chars=120, on_change=actions.of(opened.db, rename))
    st.text_area(_("Note"), key="imported.note", max_chars=MAX_NOTE, height=96, on_change=actions.of(opened.db, note))
    with st.container(horizontal=True, gap="small"):
        st.page_link(
            "compare.py",
            label=_("Compare"),
            icon=":material/stacked_line_chart:",
            query_params={"imports": key, "x": str(found.at[key, "size_is"]), "y": "loss"},
        )
        st.page_link(
            "laws.py", label=_("Scaling laws"), icon=":material/trending_down:", query_params={"imported": key}
        )
        st.download_button(
            _("Download (CSV)"),
            lambda: _csv(opened, key),
            f"scalescope-imported-{key[:8]}.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button(_("Delete…"), key="imported.delete", icon=":material/delete:", on_click=_ask, args=(key,))
    if st.session_state.get(_TO_DELETE) == key:
        _confirm(opened, key, int(found.at[key, "runs"]))


def _csv(opened: Services, key: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "export.csv")
        tables.write(file, SCHEMA.empty_table(), collections.points(opened.db, [key]))
        return file.read_bytes()


def _ask(key: str) -> None:
    st.session_state[_TO_DELETE] = key


def _forget() -> None:
    st.session_state.pop(_TO_DELETE, None)


def _confirm(opened: Services, key: str, runs: int) -> None:
    def delete() -> str:
        _forget()
        return _n(
            "Removed: the imported collection with {n:,} run.",
            "Removed: the imported collection with {n:,} runs.",
            collections.delete(opened.db, key),
        )

    said = _n(
        "This removes the collection and its {n:,} run. It cannot be undone here; its source is not touched.",
        "This removes the collection and its {n:,} runs. It cannot be undone here; its source is not touched.",
        runs,
    )
    st.warning(said, icon=":material/warning:")
    with st.container(horizontal=True, gap="small"):
        st.button(_("Delete for good"), key="imported.sure", type="primary", on_click=actions.of(opened.db, delete))
        st.button(_("Keep"), key="imported.keep", on_click=_forget)
