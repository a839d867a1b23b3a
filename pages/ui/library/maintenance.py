"""What is done with the store as a whole: take run packs in, back it up, give back unused space."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.ui import actions, text
from pages.ui.services import Services
from store.db import backup
from store.exchange import merge, pack
from store.results.spool import ingest

_MOST_MB = 200
_CHECKED = "upkeep.checked"
"""Where a session keeps what each uploaded file was found to be, by its id: a sentence, and whether it is sound."""


def draw(opened: Services) -> None:
    """Draw what there is to do, folded away."""
    left, right = st.columns(2, gap="medium")
    with left, st.expander("Import run packs", icon=":material/upload_file:"):
        _packs(opened)
    with right, st.expander("Back up, give back space", icon=":material/database:"):
        _backup(opened)
        _vacuum(opened)


def _packs(opened: Services) -> None:
    files = st.file_uploader(
        "Run packs, as Download above and the command line make them",
        accept_multiple_files=True,
        key=f"upkeep.packs.{st.session_state.setdefault('upkeep.round', 0)}",
        max_upload_size=_MOST_MB,
    )
    found = [_checked(file) for file in files]
    for sentence, sound in found:
        (st.success if sound else st.error)(sentence, icon=":material/verified:" if sound else ":material/error:")
    if not files:
        st.caption("Each is checked whole before anything of it is kept, and shown here before you import it.")
        return

    def take() -> str:
        said = []
        with _laid_down(files) as paths:
            packs = [pack.read(path) for path in paths]  # all, before anything is kept
            for file, read in zip(files, packs, strict=True):
                count, sweeps = merge.import_pack(opened.db, read)
                said.append(f"{file.name}: {text.plural(count, 'new run')}, {text.plural(sweeps, 'new sweep')}.")
        st.session_state["upkeep.round"] += 1  # an uploader without files
        return " ".join(said)

    st.button(
        f"Import {text.plural(len(files), 'pack')}",
        key="upkeep.import",
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
    sweeps = text.listed((f"“{sweep.name}”" for sweep in read.sweeps), most=3)
    made = read.environment.get("machine")
    where = f", made on {made}" if isinstance(made, str) and made else ""
    return text.literal(f"{name} is sound: {text.plural(len(read.rows), 'run')} of {sweeps or 'no sweep'}{where}.")


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
            "A whole copy, as a new file on the computer that runs Scalescope",
            str(Path.home() / f"scalescope-{date.today().isoformat()}.duckdb"),
            key="upkeep.target",
        )

        def write() -> str:
            file = Path(str(target)).expanduser()
            if file.exists():
                raise ValueError(f"{file} exists already: name another file. Nothing was written.")
            ingest(opened.db)
            count = backup.backup(opened.db, file)
            return (
                f"{file} holds the store with {text.plural(count, 'run')}. To use it, put it as scalescope.duckdb into "
                "a new folder, and set SCALESCOPE_HOME to that folder."
            )

        st.button("Back up", key="upkeep.backup", icon=":material/save:", on_click=actions.of(opened.db, write))


def _vacuum(opened: Services) -> None:
    def vacuum() -> str:
        before, after = backup.vacuum(opened.db)
        return f"The store takes {_size(after)}; before, it took {_size(before)}."

    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(f"The store takes {_size(opened.db.file.stat().st_size)}.", width="stretch")
        st.button(
            "Give back space",
            key="upkeep.vacuum",
            icon=":material/compress:",
            on_click=actions.of(opened.db, vacuum),
            help="Writes the store anew without what nothing uses any more, as after deleting; a kill loses nothing.",
        )


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
