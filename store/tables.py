"""Runs as plain tables for other programs: CSV and Parquet with a row per eval point, JSON with an object per run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from store.durable import new_file
from store.results import CURVE_COLUMNS, RUN_COLUMNS, settings


def write(file: Path, rows: pa.Table) -> int:
    """Write runs to a new file, as its suffix says, whole or not at all; return how many runs.

    Raises: ValueError: where it exists or cannot be written.
    """
    with new_file(file) as opened:
        WRITERS[file.suffix](opened, rows)
    return len(rows)


def points(rows: pa.Table) -> pa.Table:
    """Return a row per eval point: run, settings, what was measured; absent where there was nothing to measure."""
    names = [name for name in RUN_COLUMNS if name != "config"]
    configs = [json.loads(text) for text in rows["config"].to_pylist()]
    others = sorted({name for one in configs for name in one})
    wide = rows
    for name in others:
        values = [one.get(name) for one in configs]
        mixed = len({type(value) for value in values if value is not None} - {int, float}) > 0
        wide = wide.append_column(name, _column(values, mixed))
    with duckdb.connect() as con:
        con.register("wide", wide)
        columns = ", ".join(f'"{name}"' for name in [*names, *others])
        # A metric as the 64-bit number that it is: in CSV, float32 would be written short, and read as another number.
        curve = ", ".join(f"unnest({name}){'' if name == 'step' else '::DOUBLE'} AS {name}" for name in CURVE_COLUMNS)
        return con.sql(f"SELECT {columns}, {curve} FROM wide").to_arrow_table()


def _column(values: list[Any], text: bool) -> pa.Array:
    if text:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values, pa.float64() if any(isinstance(value, float) for value in values) else pa.int64())


def _csv(opened: BinaryIO, rows: pa.Table) -> None:
    pyarrow.csv.write_csv(points(rows), opened)


def _parquet(opened: BinaryIO, rows: pa.Table) -> None:
    pq.write_table(points(rows), opened, compression="zstd")


def _json(opened: BinaryIO, rows: pa.Table) -> None:
    listed = []
    for row in rows.to_pylist():
        listed.append(row | {"created": row["created"].isoformat(), "config": settings(row)})
    opened.write(json.dumps(listed, indent=1, allow_nan=False).encode())


WRITERS: dict[str, Callable[[BinaryIO, pa.Table], None]] = {".csv": _csv, ".parquet": _parquet, ".json": _json}
"""By suffix."""
