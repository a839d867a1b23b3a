"""A run's result as a row: to and from JSON, as an Arrow table, into the tables."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa

from engine.spec import ENGINE_VERSION, METRICS, RunResult, RunSpec, RunState

LATER = ("test_exact",)
"""Metrics that results were once kept without: there, NaN."""

Dated = tuple[int, RunResult]
"""Microseconds since 1970 (UTC) when the result was put into the store, and the result."""

DONE = "('finished', 'diverged')"
"""SQL: the states whose result never changes."""

_RUN_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("key", pa.string()),
    ("arch", pa.string()),
    ("dataset", pa.string()),
    ("width", pa.uint32()),
    ("depth", pa.uint32()),
    ("seed", pa.uint32()),
    ("data_seed", pa.uint32()),
    ("dataset_size", pa.uint32()),
    ("params", pa.uint64()),
    ("params_non_embedding", pa.uint64()),
    ("train_flops", pa.float64()),
    ("state", pa.string()),
    ("seconds", pa.float64()),
    ("device", pa.string()),
    ("error", pa.string()),
    ("engine_version", pa.uint32()),
    ("created", pa.timestamp("us")),
    ("config", pa.string()),
]
_CURVE_COLUMNS = [
    ("step", pa.list_(pa.uint32())),
    *((name, pa.list_(pa.float64())) for name in (*METRICS, "point_seconds")),
]
RUN_COLUMNS = tuple(name for name, _ in _RUN_COLUMNS)
CURVE_COLUMNS = tuple(name for name, _ in _CURVE_COLUMNS)
SCHEMA = pa.schema([*_RUN_COLUMNS, *_CURVE_COLUMNS])
"""One row per run with its curves: of the gallery's files, and of results on their way into the tables."""

_ACCEPT = f"""
    CREATE OR REPLACE TEMP TABLE accepted AS
    SELECT nextval('run_ids') AS run_id, * FROM (
        SELECT incoming.*, runs.run_id AS old_id FROM incoming LEFT JOIN runs USING (key)
        WHERE runs.key IS NULL
           OR runs.state NOT IN {DONE} AND (incoming.state IN {DONE} OR incoming.created >= runs.created)
        ORDER BY incoming.arch, incoming.dataset, incoming.depth, incoming.width, incoming.seed
    )
"""


def as_row(result: RunResult) -> dict[str, Any]:
    """Return the result as JSON has it: what is not a finite number is null."""
    return {
        "key": result.spec.key,
        "config": result.spec.flat(),
        "state": str(result.state),
        "params": result.params,
        "params_non_embedding": result.params_non_embedding,
        "train_flops": result.train_flops,
        "seconds": result.seconds,
        "device": result.device,
        "error": result.error,
        "step": list(result.steps),
        "point_seconds": list(result.point_seconds),
    } | {name: [v if math.isfinite(v) else None for v in result.metrics.get(name, ())] for name in METRICS}


def from_row(row: Any) -> RunResult:
    """Return the result that `row` holds, its config a dict or JSON text.

    Raises: ValueError: for what `as_row` would not have written, or written for another engine version.
    """
    if not isinstance(row, Mapping):
        raise ValueError("A result is not an object.")
    config = row.get("config")
    config = json.loads(config) if isinstance(config, str) else config
    if not isinstance(config, Mapping):
        raise ValueError("config is not an object.")
    spec = RunSpec.of(config)
    if row.get("key") != spec.key:
        raise ValueError(f"key={row.get('key')!s:.40} does not belong to its settings; expected {spec.key}.")
    steps = _list(row, "step")
    if not all(_is_whole(step, 2**32) for step in steps) or any(b <= a for a, b in pairwise(steps)):
        raise ValueError("step is not a rising list of whole numbers.")
    return RunResult(
        spec=spec,
        state=RunState(_text(row, "state")),
        steps=tuple(steps),
        metrics={name: _metric(row, name, len(steps)) for name in METRICS},
        point_seconds=_point_seconds(row, len(steps)),
        params=_whole(row, "params"),
        params_non_embedding=_whole(row, "params_non_embedding"),
        train_flops=_amount(row, "train_flops"),
        seconds=_amount(row, "seconds"),
        device=_text(row, "device"),
        error=_text(row, "error"),
    )


def as_table(dated: Sequence[Dated]) -> pa.Table:
    """Return one row per result, in the columns of SCHEMA."""
    rows = []
    for created, result in dated:
        row = as_row(result)
        own = {name: row["config"][name] for name in RUN_COLUMNS if name in row["config"]}
        text = json.dumps(row["config"], sort_keys=True)
        rows.append(row | own | {"config": text, "created": created, "engine_version": ENGINE_VERSION})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def done_rows(con: duckdb.DuckDBPyConnection, keys: Collection[str] | None = None) -> pa.Table:
    """Return the done runs, of `keys` where these are given, in the columns of SCHEMA and always in the same order."""
    if keys is not None:
        con.register("wanted", pa.table({"key": pa.array(keys, pa.string())}))
    rows = con.sql(
        f"""
        SELECT {", ".join(RUN_COLUMNS)}, {", ".join(CURVE_COLUMNS)}
        FROM runs {"" if keys is None else "SEMI JOIN wanted USING (key)"} JOIN curves USING (run_id)
        WHERE state IN {DONE} ORDER BY arch, dataset, depth, width, seed, key
        """
    ).to_arrow_table()
    return rows.cast(SCHEMA)


def dated_rows(rows: pa.Table) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row of a table in the columns of SCHEMA, for `from_row`, and when it was put into the store."""
    return zip(rows["created"].cast(pa.int64()).to_pylist(), rows.to_pylist(), strict=True)


def insert(con: duckdb.DuckDBPyConnection, dated: Sequence[Dated]) -> int:
    """Put results into the tables, inside the caller's transaction; return how many were new.

    A done run never changes; any other is replaced by a done one, or by a later one.
    """
    chosen: dict[str, Dated] = {}
    for created, result in sorted(dated, key=lambda item: item[0]):
        earlier = chosen.get(result.spec.key)
        if earlier is None or not earlier[1].state.done:
            chosen[result.spec.key] = (created, result)
    if not chosen:
        return 0
    return insert_rows(con, as_table(list(chosen.values())))


def insert_rows(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> int:
    """Do as `insert` with rows in the columns of SCHEMA, each key once."""
    con.register("incoming", rows)
    con.execute(_ACCEPT)
    con.execute("DELETE FROM curves WHERE run_id IN (SELECT old_id FROM accepted)")
    con.execute("DELETE FROM runs WHERE run_id IN (SELECT old_id FROM accepted)")
    for table, columns in (("runs", RUN_COLUMNS), ("curves", CURVE_COLUMNS)):
        con.execute(f"INSERT INTO {table} BY NAME SELECT run_id, {', '.join(columns)} FROM accepted")
    con.unregister("incoming")
    ((count,),) = con.execute("SELECT count(*) FROM accepted").fetchall()  # all: an open result would be in the way
    return int(count)


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    found = row.get(name)
    if not isinstance(found, list):
        raise ValueError(f"{name} is not a list.")
    return found


def _metric(row: Mapping[str, Any], name: str, length: int) -> tuple[float, ...]:
    if name in LATER and row.get(name) is None:
        return (math.nan,) * length
    found = _list(row, name)
    if len(found) != length:
        raise ValueError(f"{name} has {len(found)} values for {length} steps.")
    if not set(map(type, found)) <= {int, float, type(None)}:
        raise ValueError(f"{name} holds something that is no number.")
    return tuple(math.nan if v is None else float(v) for v in found)


def _point_seconds(row: Mapping[str, Any], length: int) -> tuple[float, ...]:
    """Return them, or nothing: results were once kept without them."""
    if not row.get("point_seconds"):
        return ()
    found = _metric(row, "point_seconds", length)
    if not all(0 <= value < math.inf for value in found):
        raise ValueError("point_seconds holds something that is no number from 0.")
    return found


def _whole(row: Mapping[str, Any], name: str) -> int:
    found = row.get(name)
    if not _is_whole(found, 2**63):
        raise ValueError(f"{name} is not a whole number.")
    assert isinstance(found, int)
    return found


def _is_whole(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit


def _amount(row: Mapping[str, Any], name: str) -> float:
    found = row.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < math.inf:
        raise ValueError(f"{name} is not a number from 0.")
    return float(found)


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str):
        raise ValueError(f"{name} is not text.")
    return found
