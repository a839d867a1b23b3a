"""Puts results into the tables of the store, and removes them."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.spec.result import METRICS, RunState
from store.results.lookup import heads
from store.results.rows import RUN_COLUMNS, Dated, as_table

_KNOWN = """
    WITH same_head AS MATERIALIZED (SELECT run_id FROM runs SEMI JOIN incoming USING (head)),
    candidates AS MATERIALIZED (SELECT run_id, key, state, created FROM runs SEMI JOIN same_head USING (run_id))
    SELECT row, run_id, state, created FROM candidates JOIN incoming USING (key)
"""


def insert(con: duckdb.DuckDBPyConnection, dated: Sequence[Dated]) -> int:
    """Put results into the tables, inside the caller's transaction; return how many were new.

    A done run never changes; any other is replaced by a done one, or by a later one.
    """
    return insert_rows(con, as_table(dated))


def insert_rows(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> int:
    """Do as `insert` with checked rows in the columns of SCHEMA; table `accepted` then has their key and run_id."""
    rows = _each_once(rows)
    rows = _new(con, rows.append_column("head", heads(rows["key"].to_pylist())))
    ids = con.execute("SELECT nextval('run_ids') AS run_id FROM range(?)", [len(rows)]).fetchnumpy()["run_id"]
    rows = rows.append_column("run_id", pa.array(ids, pa.uint32()))
    con.register("incoming", rows.append_column("clock_id", _clocks(con, rows)))
    con.execute("CREATE OR REPLACE TEMP TABLE accepted AS SELECT key, run_id FROM incoming")
    for table, columns in (("runs", ("head", *RUN_COLUMNS)), ("measured", ("clock_id", *METRICS))):
        con.execute(f"INSERT INTO {table} BY NAME SELECT run_id, {', '.join(columns)} FROM incoming")
    con.unregister("incoming")
    return len(rows)


def remove(con: duckdb.DuckDBPyConnection, run_ids: str, *tables: str) -> None:
    """Remove runs and their curves, inside the caller's transaction; `run_ids`: SQL that selects them."""
    for table in (*tables, "measured", "runs"):
        con.execute(f"DELETE FROM {table} WHERE run_id IN ({run_ids})")
    con.execute("DELETE FROM clocks WHERE clock_id NOT IN (SELECT clock_id FROM measured)")


def _each_once(rows: pa.Table) -> pa.Table:
    """Return one row per key, the first done one or else the last; the runs of a sweep stay together."""
    if pc.count_distinct(rows["key"]).as_py() < len(rows):
        rows = rows.sort_by("created")
        best: dict[str, tuple[int, bool]] = {}
        for row, (key, state) in enumerate(zip(rows["key"].to_pylist(), rows["state"].to_pylist(), strict=True)):
            if key not in best or not best[key][1]:
                best[key] = (row, RunState(state).done)
        rows = rows.take([row for row, _ in best.values()])
    return rows


def _new(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return the rows that the tables take, and remove those that they replace."""
    numbered = rows.select(["key", "head"]).append_column("row", pa.array(range(len(rows)), pa.int64()))
    con.register("incoming", numbered)
    known = con.execute(_KNOWN).fetchall()
    refused, replaced = set(), []
    for row, run_id, state, created in known:
        later = rows["created"][row].as_py() >= created
        if RunState(state).done or not (later or RunState(rows["state"][row].as_py()).done):
            refused.add(row)
        else:
            replaced.append(run_id)
    if replaced:
        con.register("replaced", pa.table({"run_id": pa.array(replaced, pa.uint32())}))
        remove(con, "SELECT run_id FROM replaced")
        con.unregister("replaced")
    accepted = [row for row in range(len(rows)) if row not in refused]
    return rows.take(pa.array(accepted, pa.int64())) if refused else rows


def _clocks(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Array:
    """Insert the distinct pairs of steps and seconds, which a whole bucket shares; return the clock_id of each row."""
    pairs = zip(_pieces(rows["step"]), _pieces(rows["point_seconds"]), strict=True)
    numbers: dict[tuple[bytes, bytes], int] = {}
    found = np.array([numbers.setdefault(pair, len(numbers)) for pair in pairs], np.int64)
    _, first = np.unique(found, return_index=True)
    ids = con.execute("SELECT nextval('clock_ids') AS id FROM range(?)", [len(first)]).fetchnumpy()["id"]
    clocks = rows.select(["step", "point_seconds"]).take(pa.array(first))
    con.register("clocked", clocks.append_column("clock_id", pa.array(ids, pa.uint32())))
    con.execute("INSERT INTO clocks BY NAME FROM clocked")
    con.unregister("clocked")
    return pa.array(ids[found], pa.uint32())


def _pieces(lists: pa.ChunkedArray) -> list[bytes]:
    """Return the numbers of each list as bytes; a null list gives none."""
    values = pc.list_flatten(lists).to_numpy()
    ends = np.cumsum(pc.fill_null(pc.list_value_length(lists), 0).to_numpy()).tolist()
    return [values[start:end].tobytes() for start, end in zip([0, *ends], ends, strict=False)]
