"""Turns results into rows of an Arrow table, and such rows into results."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from engine.base.language import _
from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import ENGINE_VERSION, RunSpec

LATER = ("test_exact",)
"""Metrics that older results lack; they count as NaN there."""

Dated = tuple[int, RunResult]
"""Microseconds since 1970 (UTC) when the result was put into the store, and the result."""

DONE = "('finished', 'diverged')"
"""SQL: the states whose result never changes."""

SETTING_COLUMNS = {
    "arch": pa.string(),
    "dataset": pa.string(),
    "width": pa.uint32(),
    "depth": pa.uint32(),
    "seed": pa.uint32(),
    "data_seed": pa.uint32(),
    "dataset_size": pa.uint32(),
}
"""Settings with a column of their own; `config` holds all others, and so is the same text for many runs."""
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
"""Columns of result files, of packs and of results on their way into the tables: one row per run with its curves.

A value that is no finite number is null; a list without any number is null itself."""


def from_row(row: Any) -> RunResult:
    """Return the result that `row` holds, its config a dict or JSON text.

    Raises: ValueError: for a row that is no result, or one of another engine version.
    """
    if not isinstance(row, Mapping):
        raise ValueError(_("A result is not an object."))
    spec = RunSpec.of(settings(row))
    if row.get("key") != spec.key:
        raise ValueError(
            _(
                "key={found:.40} does not belong to its settings; expected {key}.",
                found=str(row.get("key")),
                key=spec.key,
            )
        )
    steps = _list(row, "step")
    if not all(_is_whole(step, 2**32) for step in steps) or any(b <= a for a, b in pairwise(steps)):
        raise ValueError(_("step is not a rising list of whole numbers."))
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
    """Return all settings of a row by name: those in its config and those with a column of their own."""
    config = row.get("config")
    config = json.loads(config) if isinstance(config, str) else config
    if not isinstance(config, Mapping):
        raise ValueError(_("config is not an object."))
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
    """Return the done runs, or those among `keys`, in the columns of SCHEMA and always in the same order."""
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
    """Yield when each row of a table in the columns of SCHEMA was put into the store, and the row for `from_row`."""
    return zip(rows["created"].cast(pa.int64()).to_pylist(), rows.to_pylist(), strict=True)


def _lists(name: str, lists: Sequence[Sequence[float]], results: Sequence[RunResult], kind: pa.DataType) -> pa.Array:
    """Return lists of finite numbers and nulls; one without any number is null."""
    lengths = np.array([len(one) for one in lists], np.int64)
    for one, result in zip(lists, results, strict=True):
        if len(one) != len(result.steps) and (one or name != "point_seconds"):
            raise ValueError(_has_values(name, len(one), len(result.steps)))
    with np.errstate(over="ignore"):  # a number beyond float32 becomes null, as one beyond float64 does
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
        raise ValueError(_("{name} is not a list.", name=name))
    return found


def _metric(row: Mapping[str, Any], name: str, length: int) -> tuple[float, ...]:
    if row.get(name) is None and (name in row or name in LATER):
        return (math.nan,) * length
    found = _list(row, name)
    if len(found) != length:
        raise ValueError(_has_values(name, len(found), length))
    if not set(map(type, found)) <= {int, float, type(None)}:
        raise ValueError(_("{name} holds something that is no number.", name=name))
    return tuple(math.nan if v is None else float(v) for v in found)


def _point_seconds(row: Mapping[str, Any], length: int) -> tuple[float, ...]:
    """Return the seconds at each step; older results have none."""
    if not row.get("point_seconds"):
        return ()
    found = _metric(row, "point_seconds", length)
    if not all(0 <= value < math.inf for value in found):
        raise ValueError(_("{name} holds something that is no number from 0.", name="point_seconds"))
    return found


def _has_values(name: str, found: int, steps: int) -> str:
    return _("{name} has {found} values for {steps} steps.", name=name, found=found, steps=steps)


def _whole(row: Mapping[str, Any], name: str) -> int:
    found = row.get(name)
    if not _is_whole(found, 2**63):
        raise ValueError(_("{name} is not a whole number.", name=name))
    assert isinstance(found, int)
    return found


def _is_whole(value: object, limit: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < limit


def _amount(row: Mapping[str, Any], name: str) -> float:
    found = row.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < math.inf:
        raise ValueError(_("{name} is not a number from 0.", name=name))
    return float(found)


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    if not isinstance(found, str):
        raise ValueError(_("{name} is not text.", name=name))
    return found
