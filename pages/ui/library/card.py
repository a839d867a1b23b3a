"""What a person does with the sweeps that are picked: open, name, note, tag, take along, put aside, delete."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from engine.base.language import _, _n
from pages.ui import actions, link, reads, text
from pages.ui.measures import STATES
from pages.ui.services import Services
from pages.ui.summary import View
from store.db.errors import StoreError
from store.exchange import selection
from store.library import catalog, naming, sweeps
from store.results.spool import ingest

_TO_DELETE = "card.to_delete"
"""Where a session keeps which sweeps it was asked to delete, until that is confirmed."""
_FILES = {".scalescope": _("Run pack"), ".csv": "CSV", ".parquet": "Parquet", ".json": "JSON"}


def draw(opened: Services, picked: pd.DataFrame) -> None:
    """Draw the panel of the sweeps in `picked`, rows of store.library.listing.Page."""
    ids = list(picked["sweep_id"])
    if not ids:
        return
    with st.container(border=True, key="card"):
        _head(opened, picked)
        if len(ids) == 1:
            _name_and_note(opened, picked.iloc[0])
        _tags(opened, picked)
        _download(opened, ids, int(picked["done"].sum()))
        _put_away(opened, picked)


def _head(opened: Services, picked: pd.DataFrame) -> None:
    ids = list(picked["sweep_id"])
    if len(ids) > 1:
        total = int(picked["runs"].sum())
        runs = _n("{n:,} run, those they share counted twice", "{n:,} runs, those they share counted twice", total)
        st.markdown(_n("**{n} sweep** · {runs}", "**{n} sweeps** · {runs}", len(ids), runs=runs))
        st.page_link(
            "compare.py",
            label=_("Compare them"),
            icon=":material/stacked_line_chart:",
            query_params={"sweeps": ",".join(ids)},
        )
        return
    found = reads.described(opened.db, ids[0])
    states = ", ".join(f"{count:,} {STATES.get(state, state)}" for state, count in found["states"].items())
    named = {"states": states, "key": ids[0]}
    st.caption(_n("{n:,} run: {states} · key {key}", "{n:,} runs: {states} · key {key}", found["runs"], **named))
    try:
        sweep = reads.saved(opened.db, ids[0])
    except StoreError as problem:
        st.warning(text.literal(str(problem)), icon=":material/warning:")
        return
    with st.container(horizontal=True, gap="medium"):
        # The opening sweep has an empty address, which would leave Explore as it is.
        address = link.written(sweep, View()) or {"preset": link.OPENING}
        st.page_link("explore.py", label=_("Open in Explore"), icon=":material/show_chart:", query_params=address)
        st.page_link(
            "compare.py", label=_("Compare"), icon=":material/stacked_line_chart:", query_params={"sweeps": ids[0]}
        )
        st.page_link(
            "laws.py", label=_("Scaling laws"), icon=":material/trending_down:", query_params=link.written_sweep(sweep)
        )


def _name_and_note(opened: Services, row: pd.Series) -> None:
    key = str(row["sweep_id"])
    for part, value in (("name", row["name"]), ("note", row["note"])):
        st.session_state[f"card.{part}"] = value

    def rename() -> None:
        sweeps.rename_sweep(opened.db, key, st.session_state["card.name"])

    def note() -> None:
        catalog.set_note(opened.db, key, st.session_state["card.note"])

    st.text_input(_("Name"), key="card.name", max_chars=120, on_change=actions.of(opened.db, rename))
    st.text_area(
        _("Note"),
        key="card.note",
        max_chars=naming.MAX_NOTE,
        height=96,
        placeholder=_("What was asked, what was found"),
        on_change=actions.of(opened.db, note),
    )


def _tags(opened: Services, picked: pd.DataFrame) -> None:
    common = sorted(set.intersection(*(set(tags) for tags in picked["tags"])))
    st.session_state["card.tags"] = common
    every = sorted({*reads.tags(opened.db), *common})

    def change() -> None:
        asked = [str(tag) for tag in st.session_state["card.tags"]]
        for key in picked["sweep_id"]:
            if added := [tag for tag in asked if tag not in common]:
                catalog.add_tags(opened.db, key, added)
            if taken := [tag for tag in common if tag not in asked]:
                catalog.remove_tags(opened.db, key, taken)

    st.multiselect(
        _("Tags") if len(picked) == 1 else _("Tags of them all"),
        every,
        key="card.tags",
        accept_new_options=True,
        placeholder=_("Choose, or type a new one"),
        on_change=actions.of(opened.db, change),
    )


def _download(opened: Services, ids: Sequence[str], done: int) -> None:
    def file() -> bytes:
        ingest(opened.db)
        return selection.as_bytes(opened.db, ids, suffix)

    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", wrap=False):
        suffix = str(
            st.selectbox(
                _("Take along as"), list(_FILES), format_func=_FILES.__getitem__, key="card.file", width="stretch"
            )
        )
        name = ids[0][:8] if len(ids) == 1 else f"{len(ids)}-sweeps"
        st.download_button(
            _("Download"),
            file,
            f"scalescope-{name}{suffix}",
            "application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            disabled=not 0 < done <= selection.MOST,
            help=_("A row per eval point") if suffix in (".csv", ".parquet") else _("A run each"),
        )
    if done > selection.MOST:
        named = f"{' '.join(ids[:3])} …" if len(ids) > 3 else " ".join(ids)
        said = _(
            "These are {done:,} results, too many for a browser (up to {most:,}). In a terminal: `{command}`",
            done=done,
            most=selection.MOST,
            command=f"scalescope store export FILE{suffix} --sweep {named}",
        )
        st.caption(said)
    elif not done:
        st.caption(_("Nothing is trained of this yet, so there is nothing to take along."))


def _put_away(opened: Services, picked: pd.DataFrame) -> None:
    ids = list(picked["sweep_id"])
    archived = bool(picked["archived"].iloc[0])  # a page has the one or the other

    def archive() -> str:
        for key in ids:
            catalog.archive(opened.db, key, not archived)
        if archived:
            return _n("The sweep is in the list again.", "{n} sweeps are in the list again.", len(ids))
        return _n(
            "The sweep is archived: links work, lists leave it out.",
            "{n} sweeps are archived: links work, lists leave it out.",
            len(ids),
        )

    def ask() -> None:
        st.session_state[_TO_DELETE] = ids

    with st.container(horizontal=True, gap="small"):
        st.button(
            _("Bring back") if archived else _("Archive"),
            key="card.archive",
            icon=f":material/{'unarchive' if archived else 'archive'}:",
            on_click=actions.of(opened.db, archive),
            help=_("Lists leave out what is archived; links to it work."),
        )
        st.button(_("Delete…"), key="card.delete", icon=":material/delete:", on_click=ask)
    if st.session_state.get(_TO_DELETE) == ids:
        _confirm(opened, ids)


def _confirm(opened: Services, ids: list[str]) -> None:
    ingest(opened.db)
    share = catalog.share(opened.db, *ids)

    def delete() -> str:
        forget()
        gone = catalog.delete(opened.db, *ids)
        removed = _n(
            "Removed: {n:,} sweep and {results} of its runs.",
            "Removed: {n:,} sweeps and {results} of its runs.",
            len(ids),
            results=_results(gone.own),
        )
        return removed + _shared(gone)

    def forget() -> None:
        st.session_state.pop(_TO_DELETE, None)

    said = _n(
        "This removes this sweep and {results} of its runs.{stay} It cannot be undone.",
        "This removes these {n} sweeps and {results} of its runs.{stay} It cannot be undone.",
        len(ids),
        results=_results(share.own),
        stay=_shared(share),
    )
    st.warning(said, icon=":material/warning:")
    with st.container(horizontal=True, gap="small"):
        st.button(_("Delete for good"), key="card.sure", type="primary", on_click=actions.of(opened.db, delete))
        st.button(_("Keep"), key="card.keep", on_click=forget)


def _results(count: int) -> str:
    return _n("{n:,} result", "{n:,} results", count)


def _shared(share: catalog.Share) -> str:
    """Return the sentence on the results that stay, with a space before it; "" where none does."""
    said = _n(
        "{n:,} result that other sweeps share will stay.",
        "{n:,} results that other sweeps share will stay.",
        share.shared,
    )
    return f" {said}" if share.shared else ""
