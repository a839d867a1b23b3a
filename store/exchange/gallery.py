"""Results that ship with Scalescope: a gallery of Parquet files, written from a store and read into a fresh one."""

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

from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.library.sweeps import add_sweep
from store.results.checks import check_rows
from store.results.inserting import insert_rows
from store.results.rows import SCHEMA, Dated, as_table, dated_rows, done_rows, from_row

GALLERY = Path(__file__).parents[1] / "gallery"
"""Where the results that ship lie; SCALESCOPE_GALLERY names another folder, an empty one for none."""


def export_gallery(db: Database, sweep: SweepSpec, folder: Path, name: str, facts: Mapping[str, object]) -> None:
    """Write the sweep's runs to <name>.parquet and `facts`, which hold its title, to <name>.json.

    Whoever exports ingests first. Raises: StoreError: where a run of the sweep has no result in the tables.
    """
    wanted = [run.key for run in sweep.runs()]
    with db.reading() as con:
        rows = done_rows(con, wanted)
    if len(rows) < len(wanted):
        raise StoreError(f"Only {len(rows)} of {len(wanted)} runs have a result: train the others first.")
    pq.write_table(rows, folder / f"{name}.parquet", compression="zstd")
    text = json.dumps({**facts, "settings": dict(sweep.settings)}, indent=2, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def import_gallery(db: Database, folder: Path | None = None) -> None:
    """Read each pair of files in `folder`, else what ships, once; runs of another engine version stay out."""
    with db.reading() as con:
        found = unread(con, folder)
    sound = {}
    for digest, path in found.items():
        try:
            sound[digest] = _read(path)
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            # What ships must not keep anyone from opening their own results.
            logging.getLogger(__name__).warning("The gallery file %s cannot be read: %s", path, error)
    if sound:
        with db.writing() as con:
            new = {digest: one for digest, one in sound.items() if not _is_read(con, digest)}  # by another process
            insert_rows(con, pa.concat_tables([SCHEMA.empty_table(), *(rows for _, _, rows in new.values())]))
            for digest, (sweep, title, rows) in new.items():
                if len(rows):
                    add_sweep(con, sweep, title)
                con.execute("INSERT INTO meta VALUES (?, ?)", [digest, title])


def unread(con: duckdb.DuckDBPyConnection, folder: Path | None = None) -> dict[str, Path]:
    """Return the files that this store has not read yet, by a name made of their content."""
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
        rows = as_table(_believed(rows))
    return SweepSpec.of(facts["settings"]), str(facts["title"]), rows


def _believed(rows: pa.Table) -> list[Dated]:
    """Return the results of those rows that can be believed one by one."""
    found = []
    for created, row in dated_rows(rows):
        with suppress(ValueError):  # its key is no longer that of its settings
            found.append((created, from_row(row)))
    return found
