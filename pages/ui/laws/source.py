"""Where the runs come from on the page Scaling laws: a sweep, an imported collection, or a table of the visitor's."""

import hashlib
from dataclasses import asdict, dataclass

import pandas as pd
import streamlit as st

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from pages.ui import known_sweeps, link, reads, text
from pages.ui.grid import grid
from pages.ui.imports import curves, upload
from pages.ui.laws import fits
from pages.ui.services import Services

OWNER = "laws"
_KINDS = {"sweep": _("A sweep"), "imported": _("Imported runs"), "table": _("A table")}
_KIND, _SWEEP, _IMPORTED, _OWN = "laws.from", "laws.sweep", "laws.imported", "laws.own"
_TABLE = {"from": "table"}
_EXAMPLE = "params,loss\n1200,3.41\n5300,2.87\n21000,2.44\n84000,2.12"


@dataclass(frozen=True, kw_only=True)
class Runs:
    """What was chosen."""

    name: str
    address: dict[str, str]
    """Parameters that name it, of a table only that it is one."""
    sweep: SweepSpec | None = None
    imported: pd.DataFrame | None = None
    """Runs from elsewhere, as store.imports.collections.runs_of gives them."""
    size_is: str = "params"
    data_is: str = ""


def arrive(opened: Services, params: dict[str, str]) -> list[str]:
    """Choose what the address names, taking it out of `params`; return sentences on what cannot be had."""
    st.session_state.setdefault(_OWN, {})
    if params.get("from") == "table":  # which itself no address names
        params.pop("from")
        unknown = [_("{name} is not known beside from=table.", name=name) for name in params]
        params.clear()
        st.session_state[_KIND] = "table"
        return unknown
    asked = params.pop("imported", "")
    if asked:
        there = asked in set(reads.imported(opened.db)["import_id"])
        st.session_state.update({_KIND: "imported"} | ({_IMPORTED: asked} if there else {}))
        params.clear()
        return [] if there else [_("imported={key} is not an imported collection here.", key=asked[:40])]
    shown = link.read(params)
    params.clear()
    key = grid(shown.sweep).key
    st.session_state.update({_KIND: "sweep", _SWEEP: key, _OWN: {key: shown.sweep}})
    return list(shown.problems)


def choose(opened: Services) -> Runs | None:
    """Draw the choice and return it; None where nothing is chosen yet, which is said."""
    collections = reads.imported(opened.db)
    kinds = [kind for kind in _KINDS if kind != "imported" or len(collections)]
    if st.session_state.get(_KIND) not in kinds:
        st.session_state[_KIND] = "sweep"
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="laws-source"):
        kind = st.segmented_control(
            _("Runs from"), kinds, format_func=_KINDS.__getitem__, required=True, key=_KIND, persist_state="session"
        )
        if kind == "sweep":
            return _sweep(opened)
        if kind == "imported":
            return _collection(opened, collections.set_index("import_id", drop=False))
    return _table()


def _sweep(opened: Services) -> Runs:
    own: dict[str, SweepSpec] = st.session_state[_OWN]
    key = st.session_state.get(_SWEEP)
    options = known_sweeps.offered(opened.db, key or "")[0]
    options |= {one: _("The settings of this address") for one in own if one not in options}
    if key not in options:  # it may have been deleted meanwhile
        st.session_state[_SWEEP] = next(iter(options))
    chosen = str(
        st.selectbox(
            _("Sweep"),
            list(options),
            format_func=options.__getitem__,
            key=_SWEEP,
            width=420,
            label_visibility="collapsed",
            persist_state="session",
        )
    )
    preset = known_sweeps.presets().get(chosen)
    if preset is not None:
        return Runs(name=options[chosen], address={"preset": preset}, sweep=link.preset(preset))
    sweep = own[chosen] if chosen in own else reads.saved(opened.db, chosen)
    return Runs(name=options[chosen], address=link.written_sweep(sweep), sweep=sweep)


def _collection(opened: Services, found: pd.DataFrame) -> Runs:
    if st.session_state.get(_IMPORTED) not in found.index:
        st.session_state[_IMPORTED] = found.index[0]
    key = str(
        st.selectbox(
            _("Collection"),
            list(found.index),
            format_func=lambda one: curves.title(found.at[one, "name"]),
            key=_IMPORTED,
            width=420,
            label_visibility="collapsed",
            persist_state="session",
        )
    )
    return Runs(
        name=curves.title(found.at[key, "name"]),
        address={"imported": key},
        imported=fits.imported_curves(opened.db, key),
        size_is=str(found.at[key, "size_is"]),
        data_is=str(found.at[key, "data_is"]),
    )


def _table() -> Runs | None:
    pasted, file = st.columns([3, 2], gap="medium")
    with pasted:
        given = str(
            st.text_area(
                _("Paste a table: a line per run, a header above"),
                key="laws.pasted",
                height=136,
                placeholder=_EXAMPLE,
                help=_(
                    "Cells parted by commas, semicolons or tabs, as a spreadsheet copies them. Ctrl+Enter takes it."
                ),
                persist_state="session",
            )
            or ""
        )
    with file:
        chosen = st.file_uploader(_("Or upload one: CSV or Parquet"), max_upload_size=upload.MAX_MB, key="laws.file")
    if chosen is None and not given.strip():
        st.info(
            _(
                "Paste or upload a table of runs that were trained anywhere: their sizes and losses, and their data or "
                "training FLOPs for laws of both. It stays in this session: the address cannot name it, and no one "
                "else sees it. What is imported in the Library can be linked to."
            ),
            icon=":material/table_view:",
        )
        return None
    name = _("the pasted table") if chosen is None else chosen.name
    content = given.encode() if chosen is None else chosen.getvalue()
    try:
        raw = upload.read(hashlib.sha256(content).hexdigest(), name, content, OWNER)
        collection = upload.made(raw, upload.choose(raw, OWNER, extra=False), OWNER)
    except ValueError as problem:
        st.error(text.literal(str(problem)), icon=":material/error:")
        return None
    st.caption(_("This table is in this session alone, not in the address: import it in the Library to link to it."))
    runs = pd.DataFrame(asdict(run) for run in collection.runs)
    return Runs(name=name, address=_TABLE, imported=runs, size_is=collection.size_is, data_is=collection.data_is)
