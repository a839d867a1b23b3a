"""Takes a run pack into the store: in whatever order packs come, the store ends the same."""

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
"""Begins the name in `meta` under which stands what a pack called a sweep, and what it is called here."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def _mark(run: str, curve: str) -> str:
    """SQL: a number for what was measured, to tell results apart that were put into two stores at the same moment."""
    parts = [f"{run}.{name}" for name in ("state", "seconds", "device")]
    parts += [f"{curve}.{name}" for name in ("step", *METRICS) if name not in LATER]
    return f"hash({', '.join(parts)})"


# Two machines' results of one spec differ in their last digits, so one has to hold, whichever came first here: the one
# made first. A run with predictions or weights stays, since a pack has none of its own to put in their place.
_SUPERSEDED = f"""
    CREATE OR REPLACE TEMP TABLE superseded AS
    WITH met AS MATERIALIZED (SELECT run_id FROM runs SEMI JOIN packed USING (head)),
    near AS MATERIALIZED (FROM runs SEMI JOIN met USING (run_id))
    SELECT runs.run_id FROM near AS runs JOIN curves USING (run_id) JOIN packed USING (key)
    WHERE runs.state IN {DONE} AND runs.run_id NOT IN (SELECT run_id FROM outcomes)
      AND (packed.created < runs.created
           OR packed.created = runs.created AND {_mark("packed", "packed")} < {_mark("runs", "curves")})
"""


def import_pack(db: Database, pack: Pack) -> tuple[int, int]:
    """Take all of a pack in one transaction; return how many runs and how many sweeps were new.

    Of two results of one spec the one made first holds; a sweep's name from a pack gives way to one given here.
    """
    ingest(db)  # what this machine has trained came before
    with db.writing() as con:
        count = sum(_take_rows(con, rows) for rows in pack.batches())
        return count, _take_sweeps(con, pack.sweeps)


def _take_rows(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> int:
    """Put rows of a pack into the tables, some in place of those there; return how many were new."""
    con.register("packed", rows.append_column("head", heads(rows["key"].to_pylist())))
    con.execute(_SUPERSEDED)
    ((superseded,),) = con.execute("SELECT count(*) FROM superseded").fetchall()
    if superseded:
        remove(con, "SELECT run_id FROM superseded")
    con.unregister("packed")
    return insert_rows(con, rows) - int(superseded)


def _take_sweeps(con: duckdb.DuckDBPyConnection, packed: Sequence[PackedSweep]) -> int:
    """Add the sweeps and name all that came in packs anew, the oldest first; return how many were new."""
    there = dict(con.execute("SELECT sweep_id, name FROM sweeps").fetchall())
    recorded = _records(con)
    # Renamed here since, or never from a pack: its name is a person's, and stays.
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
    for key in changed:  # first out of each other's way: names are unique
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
    return f"{key}\n"  # no person's name has a line's end
