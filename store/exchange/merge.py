"""Imports run packs: the store ends the same in whatever order they come."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from engine.spec.result import METRICS
from store.db.connection import Database
from store.exchange.pack import Pack, PackedSweep
from store.library import naming
from store.library.sweeps import add_sweep
from store.results.inserting import insert_rows, remove
from store.results.lookup import heads
from store.results.rows import DONE, LATER
from store.results.spool import ingest

_RECORD = "packed sweep "
"""Begins the name of a row in `meta` with the name of a sweep in its pack and here."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def _mark(run: str, curve: str) -> str:
    """Return SQL for a hash of a result, to order two results that two stores got at the same moment."""
    parts = [f"{run}.{name}" for name in ("state", "seconds", "device")]
    parts += [f"{curve}.{name}" for name in ("step", *METRICS) if name not in LATER]
    return f"hash({', '.join(parts)})"


# Results of one spec from two machines differ in their last digits, so one has to win, in whatever order they come: the
# one made first. A run with predictions or weights stays, since a pack has none to replace them.
_SUPERSEDED = f"""
    CREATE OR REPLACE TEMP TABLE superseded AS
    WITH same_head AS MATERIALIZED (SELECT run_id FROM runs SEMI JOIN packed USING (head)),
    candidates AS MATERIALIZED (FROM runs SEMI JOIN same_head USING (run_id))
    SELECT runs.run_id FROM candidates AS runs JOIN curves USING (run_id) JOIN packed USING (key)
    WHERE runs.state IN {DONE} AND runs.run_id NOT IN (SELECT run_id FROM outcomes)
      AND (packed.created < runs.created
           OR packed.created = runs.created AND {_mark("packed", "packed")} < {_mark("runs", "curves")})
"""


def import_pack(db: Database, pack: Pack) -> tuple[int, int]:
    """Import all of a pack in one transaction; return how many runs and how many sweeps were new.

    Of two results of one spec the one made first wins; a name that a person gave here wins over the name in a pack.
    """
    ingest(db)  # results that wait here came before those of the pack
    with db.writing() as con:
        count = sum(_add_rows(con, rows) for rows in pack.batches())
        return count, _add_sweeps(con, pack.sweeps)


def _add_rows(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> int:
    """Put rows of a pack into the tables, where some replace others; return how many were new."""
    con.register("packed", rows.append_column("head", heads(rows["key"].to_pylist())))
    con.execute(_SUPERSEDED)
    ((superseded,),) = con.execute("SELECT count(*) FROM superseded").fetchall()
    if superseded:
        remove(con, "SELECT run_id FROM superseded")
    con.unregister("packed")
    return insert_rows(con, rows) - int(superseded)


def _add_sweeps(con: duckdb.DuckDBPyConnection, packed: Sequence[PackedSweep]) -> int:
    """Add the sweeps, and name all sweeps from packs again, the oldest first; return how many were new."""
    there = dict(con.execute("SELECT sweep_id, name FROM sweeps").fetchall())
    recorded = _records(con)
    # A sweep that was renamed here, or never came in a pack, keeps the name that a person gave.
    wanted = {key: (r["created"], r["name"]) for key, r in recorded.items() if there.get(key) == r["given"]}
    new = 0
    for sweep in packed:
        key = sweep.spec.key
        asked = (sweep.created, sweep.name)
        if key not in there:
            add_sweep(con, sweep.spec, _draft(key))
            wanted[key] = asked
            new += 1
        elif key in wanted:
            wanted[key] = min(asked, wanted[key])
    taken = {name for key, name in there.items() if key not in wanted}
    named = {}
    for key in sorted(wanted, key=lambda key: (*wanted[key], key)):
        named[key] = naming.unique(wanted[key][1], taken)
        taken.add(named[key])
    records = {key: {"created": wanted[key][0], "name": wanted[key][1], "given": name} for key, name in named.items()}
    changed = {key: record for key, record in records.items() if record != recorded.get(key)}
    for key in changed:  # names are unique, so all old ones go first
        con.execute("UPDATE sweeps SET name = ? WHERE sweep_id = ?", [_draft(key), key])
    for key, record in changed.items():
        created = _EPOCH + timedelta(microseconds=record["created"])
        con.execute("UPDATE sweeps SET name = ?, created = ? WHERE sweep_id = ?", [record["given"], created, key])
        con.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_RECORD + key, json.dumps(record)])
    return new


def _records(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    rows = con.execute("SELECT name, value FROM meta WHERE starts_with(name, ?)", [_RECORD]).fetchall()
    return {name.removeprefix(_RECORD): json.loads(value) for name, value in rows}


def _draft(key: str) -> str:
    return f"{key}\n"  # no name of a person has a line break
