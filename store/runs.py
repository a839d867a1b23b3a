"""Looks up which runs and sweeps there are, and names them."""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from engine.spec import RunSpec, SweepSpec
from store import naming
from store.connection import Database
from store.errors import StoreError
from store.inserting import remove
from store.lookup import CHOSEN, keyed
from store.results import DONE, SCHEMA
from store.spool import ingest, keys_with_result

BATCH = 20_000
"""Runs that are read at once."""

_BATCH = f"""
    SELECT {", ".join(SCHEMA.names)} FROM runs JOIN curves USING (run_id) SEMI JOIN part USING (run_id)
    WHERE run_id BETWEEN ? AND ? ORDER BY run_id
"""
_ENDED = f"""
    CREATE OR REPLACE TEMP TABLE ended AS
    WITH {CHOSEN} SELECT run_id FROM runs SEMI JOIN chosen USING (run_id) WHERE state NOT IN {DONE}
"""


def missing(db: Database, runs: Sequence[RunSpec]) -> list[RunSpec]:
    """Return the runs that have no done result yet, in their order; failed ones count as missing."""
    ingest(db)
    done = keys_with_result(db, runs, failed=False)
    return [run for run in runs if run.key not in done]


def done_batches(db: Database, keys: Collection[str] | None = None) -> Iterator[pa.Table]:
    """Yield the done runs, of `keys` where these are given, as they came, a part at a time in the columns of SCHEMA.

    The store is free in between; what is deleted meanwhile is left out.
    """
    with db.reading() as con:
        con.register("wanted", keyed(keys or ()))
        narrowed = "" if keys is None else "SEMI JOIN chosen USING (run_id)"
        sql = f"WITH {CHOSEN} SELECT run_id FROM runs {narrowed} WHERE state IN {DONE} ORDER BY run_id"
        ids = con.execute(sql).fetchnumpy()["run_id"]
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        with db.reading() as con:
            con.register("part", pa.table({"run_id": pa.array(part, pa.uint32())}))
            rows = con.sql(_BATCH, params=[int(part[0]), int(part[-1])]).to_arrow_table().cast(SCHEMA)
        yield rows


def forget_failed(db: Database, runs: Sequence[RunSpec]) -> None:
    """Forget those of `runs` that ended without a result, so that they stand as never begun."""
    ingest(db)
    with db.writing() as con:
        con.register("wanted", keyed(run.key for run in runs))
        con.execute(_ENDED)
        remove(con, "SELECT run_id FROM ended")


def save_sweep(db: Database, sweep: SweepSpec, name: str = "") -> str:
    """Keep the sweep and return its id; one that is there keeps its name.

    Without a `name`, or with one that is taken, it gets a readable unique one.
    Raises: ValueError: for a name that is too long.
    """
    wanted = naming.checked(name) if name else naming.describe(sweep)
    with db.reading() as con:
        if _is_saved(con, sweep.key):
            return sweep.key
    with db.writing() as con:
        add_sweep(con, sweep, wanted)
    return sweep.key


def add_sweep(con: duckdb.DuckDBPyConnection, sweep: SweepSpec, name: str) -> None:
    """Keep the sweep unless it is there, inside the caller's transaction; a taken name gets a number."""
    if _is_saved(con, sweep.key):
        return
    taken = {found for (found,) in con.execute("SELECT name FROM sweeps").fetchall()}
    values = [sweep.key, naming.unique(name, taken), json.dumps(dict(sweep.settings)), _now()]
    con.execute("INSERT INTO sweeps (sweep_id, name, settings, created) VALUES (?, ?, ?, ?)", values)
    con.register("sweep_keys", keyed(sweep.run_keys()))
    con.execute("INSERT INTO sweep_runs SELECT ?, key, head FROM sweep_keys", [sweep.key])
    con.unregister("sweep_keys")


def rename_sweep(db: Database, sweep_id: str, name: str) -> None:
    """Give the sweep another name.

    Raises: ValueError: for an unknown sweep, and for a name that is empty, too long or taken.
    """
    wanted = naming.checked(name)
    with db.writing() as con:
        holder = con.execute("SELECT sweep_id FROM sweeps WHERE name = ?", [wanted]).fetchone()
        if holder is not None and holder[0] != sweep_id:
            raise ValueError(f"name={wanted!r} is taken by another sweep; choose another name.")
        if not _is_saved(con, sweep_id):
            raise _unknown(sweep_id)
        con.execute("UPDATE sweeps SET name = ? WHERE sweep_id = ?", [wanted, sweep_id])


def load_sweep(db: Database, sweep_id: str) -> SweepSpec:
    """Return the sweep. Raises: ValueError: for an id that is not known."""
    with db.reading() as con:
        row = con.execute("SELECT name, settings FROM sweeps WHERE sweep_id = ?", [sweep_id]).fetchone()
    if row is None:
        raise _unknown(sweep_id)
    try:
        return SweepSpec.of(json.loads(row[1]))
    except ValueError as error:
        raise StoreError(
            f"The sweep {row[0]!r} was saved by another version and cannot be made again: {error}"
        ) from error


def _is_saved(con: duckdb.DuckDBPyConnection, sweep_id: str) -> bool:
    return con.execute("SELECT 1 FROM sweeps WHERE sweep_id = ?", [sweep_id]).fetchone() is not None


def _unknown(sweep_id: str) -> ValueError:
    return ValueError(f"sweep={sweep_id[:40]} is not known; allowed: a sweep of the list.")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
