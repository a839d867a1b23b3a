"""Brings runs from elsewhere: a CSV or Parquet file, the choice of its columns, what it makes, and Import."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from engine.base.language import _, _n
from pages.ui import actions, services, text
from pages.ui.measures import UNITS
from store.imports import collections
from store.imports.choice import Choice
from store.imports.collections import DATA, SIZES, Collection
from store.imports.guess import guess
from store.imports.mapping import mapped
from store.imports.sources import registry
from store.imports.sources.source import Raw

MAX_MB = 50
"""Most megabytes of an upload."""
_ROWS = 5
"""Rows and runs that a preview shows."""
_USES = {
    "size": (_("Size"), _("Params or width of each run.")),
    "loss": (_("Loss"), _("An empty, NaN or infinite one is kept as a run that diverged.")),
    "data": (_("Data"), _("The examples or tokens that a run saw.")),
    "compute": (_("Compute"), _("The FLOPs of its training.")),
    "seed": (_("Seed"), ""),
    "series": (_("Curves by"), _("A column whose values tell several curves apart.")),
    "step": (_("Step"), _("Where a row is a point of a run, not a run.")),
    "run": (
        _("Run"),
        _("The name of a run; needed with steps where size, seed and kept columns do not tell runs apart."),
    ),
}
_READ = "was-read"
_MADE = "was-made"


def draw(opened: services.Services) -> None:
    """Draw the upload and all that follows from it; actions.say() says what came of Import."""
    number = st.session_state.setdefault("upload.number", 0)
    upload = st.file_uploader(
        _("A table of runs that were trained elsewhere: CSV or Parquet"),
        max_upload_size=MAX_MB,
        key=f"upload.file.{number}",
        help=_("Folders of TensorBoard and MLflow, and studies of Optuna: scalescope store import-runs"),
    )
    if upload is None:
        return
    try:
        raw = read(upload.file_id, upload.name, upload.getvalue())
        choice = choose(raw)
        _preview(raw)
        collection = made(raw, choice)
    except ValueError as problem:
        st.error(text.literal(str(problem)), icon=":material/error:")
        return
    _offer(opened, collection)


def read(file_id: str, name: str, content: bytes, owner: str = "upload") -> Raw:
    """Return what a file holds, read once; a new one sets the widgets of `owner` to what its headers suggest.

    Raises: ValueError: for what is no table that can be read.
    """
    known = st.session_state.get(f"{owner}.{_READ}")
    if known is None or known[0] != file_id:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "upload")
            path.write_bytes(content)
            try:
                raw = registry.read(path)
                known = (file_id, replace(raw, source=name), "")
                _fill(guess(raw), name, owner)
            except ValueError as problem:
                known = (file_id, None, str(problem).replace(str(path), name))
        st.session_state[f"{owner}.{_READ}"] = known
    if known[1] is None:
        raise ValueError(known[2])
    raw = known[1]
    assert isinstance(raw, Raw)
    return raw


def _fill(choice: Choice, name: str, owner: str) -> None:
    for use in (*_USES, "size_is", "data_is"):
        st.session_state[f"{owner}.{use}"] = getattr(choice, use)
    st.session_state[f"{owner}.keep"] = []
    st.session_state[f"{owner}.where"] = ""
    st.session_state[f"{owner}.name"] = collections.named_after(name)


def choose(raw: Raw, owner: str = "upload", *, extra: bool = True) -> Choice:
    """Draw the choice of columns, and of `extra` ones to keep, and return it."""
    columns = ["", *raw.table.column_names]
    found = {}
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        for use, (label, words) in _USES.items():
            found[use] = st.selectbox(
                label, columns, format_func=_column, key=f"{owner}.{use}", help=words or None, width=150
            )
            if use == "size":
                size_is = st.selectbox(
                    _("which is"), SIZES, format_func=UNITS.__getitem__, key=f"{owner}.size_is", width=110
                )
            if use == "data":
                data_is = st.selectbox(
                    _("counted in"), DATA, format_func=UNITS.__getitem__, key=f"{owner}.data_is", width=120
                )
    keep: list[str] = []
    if extra:
        keep = st.multiselect(
            _("Keep besides"), columns[1:], key=f"{owner}.keep", placeholder=_("Other columns worth having")
        )
    asked = st.text_input(
        _("Only rows where"),
        key=f"{owner}.where",
        placeholder=_("column=value; column!=value"),
        help=_("All of them must hold."),
    )
    where = tuple(part.strip() for part in str(asked or "").split(";") if part.strip())
    return Choice(**found, size_is=size_is, data_is=data_is, keep=tuple(keep), where=where)


def _column(name: str) -> str:
    return name or "–"


def _preview(raw: Raw) -> None:
    st.dataframe(raw.table.slice(0, _ROWS).to_pandas(), hide_index=True, alt=_("The file's first rows"))
    columns = _n("{n:,} column", "{n:,} columns", raw.table.num_columns)
    rows = raw.table.num_rows
    st.caption(_n("The first of {n:,} row, {columns}.", "The first of {n:,} rows, {columns}.", rows, columns=columns))


def made(raw: Raw, choice: Choice, owner: str = "upload") -> Collection:
    """Return the runs that the choice makes, made once. Raises: ValueError: as store.imports.mapping.mapped."""
    known = st.session_state.get(f"{owner}.{_MADE}")
    asked = (st.session_state[f"{owner}.{_READ}"][0], choice)
    if known is None or known[0] != asked:
        known = (asked, mapped(raw, choice))
        st.session_state[f"{owner}.{_MADE}"] = known
    collection = known[1]
    assert isinstance(collection, Collection)
    return collection


def _offer(opened: services.Services, collection: Collection) -> None:
    st.markdown(_sentence(collection))
    runs = pd.DataFrame(
        {
            _("run"): run.name,
            _("curve"): run.series or None,
            UNITS[collection.size_is]: run.size,
            UNITS[collection.data_is] if collection.data_is else _("data"): run.data,
            _("FLOPs"): run.compute,
            _("seed"): run.seed,
            _("loss"): run.loss,
            _("points"): run.step and len(run.step),
        }
        for run in collection.runs[:_ROWS]
    )
    st.dataframe(runs.dropna(axis="columns", how="all"), hide_index=True, alt=_("The first runs that it makes"))
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.text_input(_("Name"), key="upload.name", max_chars=120)
        st.button(
            _n("Import {n:,} run", "Import {n:,} runs", len(collection.runs)),
            key="upload.import",
            type="primary",
            icon=":material/download_done:",
            on_click=actions.of(opened.db, lambda: _keep(opened, collection)),
        )


def _keep(opened: services.Services, collection: Collection) -> str:
    key, new = collections.save(opened.db, collection, st.session_state["upload.name"])
    st.session_state["upload.number"] += 1  # an uploader without a file
    for name in (_READ, _MADE):
        st.session_state.pop(f"upload.{name}", None)
    name = collections.describe(opened.db, key)["name"]
    if new:
        return _("Imported as “{name}”.", name=name)
    return _("These runs are there already, as “{name}”: nothing changed.", name=name)


def _sentence(collection: Collection) -> str:
    runs = collection.runs
    sizes = {run.size for run in runs}
    named = {
        "runs": _n("{n:,} run", "{n:,} runs", len(runs)),
        "range": text.between(min(sizes), max(sizes)),
        "unit": UNITS[collection.size_is],
    }
    said = [
        _n(
            "This makes **{runs}** of {n:,} size, {range} {unit}.",
            "This makes **{runs}** of {n:,} sizes, {range} {unit}.",
            len(sizes),
            **named,
        )
    ]
    if curves := sum(run.step is not None for run in runs):
        said.append(_("Of these with a curve: {n:,}.", n=curves))
    if lost := sum(run.loss is None for run in runs):
        said.append(_("Without a finite loss (diverged, or none was noted): {n:,}; they are kept as such.", n=lost))
    return " ".join(said)
