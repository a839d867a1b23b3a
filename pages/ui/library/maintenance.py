"""Maintenance of the store as a whole: import run packs, back it up, give back unused space."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from engine.base.language import _, _n
from pages.ui import actions, text
from pages.ui.services import Services
from store.db import backup
from store.exchange import merge, pack
from store.results.spool import ingest

_MOST_MB = 200
_CHECKED = "maintenance.checked"
"""Where a session keeps what each uploaded file was found to be, by its id: a sentence, and whether it is sound."""


def draw(opened: Services) -> None:
    """Draw the maintenance that there is, folded away."""
    left, right = st.columns(2, gap="medium")
    with left, st.expander(_("Import run packs"), icon=":material/upload_file:"):
        _packs(opened)
    with right, st.expander(_("Back up, give back space"), icon=":material/database:"):
        _backup(opened)
        _vacuum(opened)


def _packs(opened: Services) -> None:
    files = st.file_uploader(
        _("Run packs, as Download above and the command line make them"),
        accept_multiple_files=True,
        key=f"maintenance.packs.{st.session_state.setdefault('maintenance.round', 0)}",
        max_upload_size=_MOST_MB,
    )
    found = [_checked(file) for file in files]
    for sentence, sound in found:
        (st.success if sound else st.error)(sentence, icon=":material/verified:" if sound else ":material/error:")
    if not files:
        st.caption(_("Each is checked whole before anything of it is kept, and shown here before you import it."))
        return

    def take() -> str:
        said = []
        with _laid_down(files) as paths:
            packs = [pack.read(path) for path in paths]  # all, before anything is kept
            for file, read in zip(files, packs, strict=True):
                count, sweeps = merge.import_pack(opened.db, read)
                runs = _n("{n:,} new run", "{n:,} new runs", count)
                new = {"file": file.name, "runs": runs}
                said.append(_n("{file}: {runs}, {n:,} new sweep.", "{file}: {runs}, {n:,} new sweeps.", sweeps, **new))
        st.session_state["maintenance.round"] += 1  # an uploader without files
        return " ".join(said)

    st.button(
        _n("Import {n:,} pack", "Import {n:,} packs", len(files)),
        key="maintenance.import",
        type="primary",
        icon=":material/download_done:",
        on_click=actions.of(opened.db, take),
        disabled=not all(sound for _, sound in found),
    )


def _checked(file: UploadedFile) -> tuple[str, bool]:
    known: dict[str, tuple[str, bool]] = st.session_state.setdefault(_CHECKED, {})
    if file.file_id not in known:
        with _laid_down([file]) as (path,):
            try:
                read = pack.read(path)
            except ValueError as problem:
                known[file.file_id] = (text.literal(str(problem).replace(str(path), file.name)), False)
            else:
                known[file.file_id] = (_said(file.name, read), True)
    return known[file.file_id]


def _said(name: str, read: pack.Pack) -> str:
    sweeps = text.listed((_("“{name}”", name=sweep.name) for sweep in read.sweeps), most=3) or _("no sweep")
    runs = _n("{n:,} run", "{n:,} runs", len(read.rows))
    said = {"file": name, "runs": runs, "sweeps": sweeps}
    machine = read.environment.get("machine")
    if isinstance(machine, str) and machine:
        return text.literal(_("{file} is sound: {runs} of {sweeps}, made on {machine}.", machine=machine, **said))
    return text.literal(_("{file} is sound: {runs} of {sweeps}.", **said))


@contextmanager
def _laid_down(files: Sequence[UploadedFile]) -> Iterator[list[Path]]:
    """Lend the uploads as files, under names of our own: theirs are a stranger's."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{place}.scalescope" for place in range(len(files))]
        for path, file in zip(paths, files, strict=True):
            path.write_bytes(file.getvalue())
        yield paths


def _backup(opened: Services) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        target = st.text_input(
            _("A whole copy, as a new file on the computer that runs Scalescope"),
            str(Path.home() / f"scalescope-{date.today().isoformat()}.duckdb"),
            key="maintenance.target",
        )

        def write() -> str:
            file = Path(str(target)).expanduser()
            if file.exists():
                raise ValueError(_("{file} exists already: name another file. Nothing was written.", file=file))
            ingest(opened.db)
            count = backup.backup(opened.db, file)
            return _n(
                "{file} holds the store with {n:,} run. To use it, put it as scalescope.duckdb into a new folder, and "
                "set SCALESCOPE_HOME to that folder.",
                "{file} holds the store with {n:,} runs. To use it, put it as scalescope.duckdb into a new folder, and "
                "set SCALESCOPE_HOME to that folder.",
                count,
                file=file,
            )

        st.button(_("Back up"), key="maintenance.backup", icon=":material/save:", on_click=actions.of(opened.db, write))


def _vacuum(opened: Services) -> None:
    def vacuum() -> str:
        before, after = backup.vacuum(opened.db)
        return _("The store takes {after}; before, it took {before}.", after=_size(after), before=_size(before))

    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(_("The store takes {size}.", size=_size(opened.db.file.stat().st_size)), width="stretch")
        st.button(
            _("Give back space"),
            key="maintenance.vacuum",
            icon=":material/compress:",
            on_click=actions.of(opened.db, vacuum),
            help=_(
                "Writes the store anew without what nothing uses any more, as after deleting; a kill loses nothing."
            ),
        )


def _size(count: int) -> str:
    return _("{size:,.1f} MiB", size=count / 2**20)
