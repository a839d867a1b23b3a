"""The gallery: results that ship with Scalescope as Parquet files, written from a store and read into a new one."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from engine.base.atomic import whole
from engine.base.language import _
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.library.sweeps import add_sweep
from store.results.checks import check_rows
from store.results.inserting import insert_rows
from store.results.rows import SCHEMA, Dated, as_table, dated_rows, done_rows, from_row

GALLERY = Path(__file__).parents[1] / "gallery"
"""Folder of the results that ship; SCALESCOPE_GALLERY names another one, an empty one for no results."""


def export_gallery(db: Database, sweep: SweepSpec, folder: Path, name: str, facts: Mapping[str, object]) -> None:
    """Write the sweep's runs to <name>.parquet and `facts`, which hold its title, to <name>.json.

    Whoever exports ingests first. Raises: StoreError: where a run of the sweep has no result in the tables.
    """
    wanted = [run.key for run in sweep.runs()]
    with db.reading() as con:
        rows = done_rows(con, wanted)
    if len(rows) < len(wanted):
        raise StoreError(
            _("Only {found} of {all} runs have a result: train the others first.", found=len(rows), all=len(wanted))
        )
    text = json.dumps({**facts, "settings": dict(sweep.settings)}, indent=2, ensure_ascii=False)
    with whole(folder / f"{name}.parquet", durable=False) as opened:
        pq.write_table(rows, opened, compression="zstd")
    with whole(folder / f"{name}.json", durable=False) as opened:
        opened.write(f"{text}\n".encode())


def import_gallery(db: Database, folder: Path | None = None) -> None:
    """Read each pair of files in `folder`, or the gallery, once; runs of another engine version stay out."""
    with db.reading() as con:
        found = unread(con, folder)
    sound = {}
    for digest, path in found.items():
        try:
            sound[digest] = _read(path)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            # A damaged gallery must not keep anyone from opening their own results.
            said = _("The gallery file {path} cannot be read: {error}", path=path, error=error)
            logging.getLogger(__name__).warning(said)
    if sound:
        with db.writing() as con:
            new = {digest: one for digest, one in sound.items() if not _is_read(con, digest)}  # by another process
            insert_rows(con, pa.concat_tables([SCHEMA.empty_table(), *(rows for *_sweep, rows in new.values())]))
            for digest, (sweep, title, rows) in new.items():
                if len(rows):
                    add_sweep(con, sweep, title)
                con.execute("INSERT INTO meta VALUES (?, ?)", [digest, title])


def unread(con: duckdb.DuckDBPyConnection, folder: Path | None = None) -> dict[str, Path]:
    """Return the files that this store has not read yet, by a hash of their content."""
    pairs = {
        _digest(path): path
        for path in sorted((folder or Path(os.environ.get("SCALESCOPE_GALLERY") or GALLERY)).glob("*.parquet"))
    }
    return {digest: path for digest, path in pairs.items() if not _is_read(con, digest)}


def _digest(path: Path) -> str:
    facts = path.with_suffix(".json")
    data = path.read_bytes() + (facts.read_bytes() if facts.exists() else b"")
    return f"gallery {hashlib.sha256(data).hexdigest()}"


def _is_read(con: duckdb.DuckDBPyConnection, digest: str) -> bool:
    return bool(con.execute("SELECT 1 FROM meta WHERE name = ?", [digest]).fetchall())


def _read(path: Path) -> tuple[SweepSpec, str, pa.Table]:
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    rows = pq.read_table(path).replace_schema_metadata()
    try:
        check_rows(rows)
    except ValueError:
        rows = as_table(_sound(rows))
    return SweepSpec.of(facts["settings"]), str(facts["title"]), rows


def _sound(rows: pa.Table) -> list[Dated]:
    """Return the results of the rows that are sound."""
    found = []
    for created, row in dated_rows(rows):
        with suppress(ValueError):  # its key does not belong to its settings any more
            found.append((created, from_row(row)))
    return found
