"""A run's result as a row: as an Arrow table, and from a row of one."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import ENGINE_VERSION, RunSpec

LATER = ("test_exact",)
"""Metrics that results were once kept without: there, NaN."""

Dated = tuple[int, RunResult]
"""Microseconds since 1970 (UTC) when the result was put into the store, and the result."""

DONE = "('finished', 'diverged')"
"""SQL: the states whose result never changes."""
ENDED = pa.array(["finished", "diverged"])
"""The same for Arrow."""

SETTING_COLUMNS = {
    "arch": pa.string(),
    "dataset": pa.string(),
    "width": pa.uint32(),
    "depth": pa.uint32(),
    "seed": pa.uint32(),
    "data_seed": pa.uint32(),
    "dataset_size": pa.uint32(),
}
"""Settings that have a column of their own; all others stand in `config`, so that it is the same text for many runs."""
_RUN_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("key", pa.string()),
    *SETTING_COLUMNS.items(),
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
    *((name, pa.list_(pa.float32())) for name in METRICS),
    ("point_seconds", pa.list_(pa.float64())),
]
RUN_COLUMNS = tuple(name for name, _ in _RUN_COLUMNS)
CURVE_COLUMNS = tuple(name for name, _ in _CURVE_COLUMNS)
SCHEMA = pa.schema([*_RUN_COLUMNS, *_CURVE_COLUMNS])
"""One row per run with its curves: of result files and packs, and of results on their way into the tables.

What is no finite number is null, and a list without any number is null itself."""


def from_row(row: Any) -> RunResult:
    """Return the result that `row` holds, its config a dict or JSON text.

    Raises: ValueError: for what no result is written as, or written for another engine version.
    """
    if not isinstance(row, Mapping):
        raise ValueError("A result is not an object.")
    spec = RunSpec.of(settings(row))
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


def settings(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of a row by name: those of its config, and those in columns of their own."""
    config = row.get("config")
    config = json.loads(config) if isinstance(config, str) else config
    if not isinstance(config, Mapping):
        raise ValueError("config is not an object.")
    return {**config, **{name: row[name] for name in SETTING_COLUMNS if name in row}}


def config_text(spec: RunSpec) -> str:
    """Return the settings that have no column of their own, as JSON."""
    rest = {name: value for name, value in spec.flat().items() if name not in SETTING_COLUMNS}
    return json.dumps(rest, sort_keys=True)


def as_table(dated: Sequence[Dated]) -> pa.Table:
    """Return one row per result, in the columns of SCHEMA.

    Raises: ValueError: for lists that do not fit a result's steps.
    """
    results = [result for _, result in dated]
    columns: dict[str, Any] = {name: [getattr(one.spec, name) for one in results] for name in SETTING_COLUMNS}
    for name in ("params", "params_non_embedding", "train_flops", "seconds", "device", "error"):
        columns[name] = [getattr(one, name) for one in results]
    columns |= {
        "key": [one.spec.key for one in results],
        "state": [str(one.state) for one in results],
        "engine_version": [ENGINE_VERSION] * len(results),
        "created": [created for created, _ in dated],
        "config": [config_text(one.spec) for one in results],
        "step": [one.steps for one in results],
    }
    for name in METRICS:
        columns[name] = _lists(name, [one.metrics.get(name, ()) for one in results], results, pa.float32())
    columns["point_seconds"] = _lists("point_seconds", [one.point_seconds for one in results], results, pa.float64())
    arrays = [pa.array(columns[field.name], field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


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


def _lists(name: str, lists: Sequence[Sequence[float]], results: Sequence[RunResult], kind: pa.DataType) -> pa.Array:
    """Return lists of finite numbers and nulls; one without any number is null."""
    lengths = np.array([len(one) for one in lists], np.int64)
    for one, result in zip(lists, results, strict=True):
        if len(one) != len(result.steps) and (one or name != "point_seconds"):
            raise ValueError(f"{name} has {len(one)} values for {len(result.steps)} steps.")
    with np.errstate(over="ignore"):  # what float32 cannot hold is as absent as what float64 cannot
        values = np.fromiter(chain.from_iterable(lists), np.float64, lengths.sum()).astype(kind.to_pandas_dtype())
    return _null_lists(values, lengths, np.isfinite(values))


def _null_lists(values: np.ndarray, lengths: np.ndarray, there: np.ndarray) -> pa.Array:
    """Return `values` cut into lists of `lengths`, null where not `there`; a list without any number is null."""
    ends = np.cumsum(lengths)
    before = np.concatenate([[0], np.cumsum(there)])
    some = before[ends] > before[ends - lengths]
    keep = np.repeat(some, lengths)
    offsets = np.concatenate([[0], np.cumsum(np.where(some, lengths, 0))])
    inner = pa.array(values[keep], mask=~there[keep])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), inner, mask=pa.array(~some))


def _list(row: Mapping[str, Any], name: str) -> list[Any]:
    found = row.get(name)
    if not isinstance(found, list):
        raise ValueError(f"{name} is not a list.")
    return found


def _metric(row: Mapping[str, Any], name: str, length: int) -> tuple[float, ...]:
    if row.get(name) is None and (name in row or name in LATER):
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
