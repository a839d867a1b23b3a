"""Writes runs as tables for other programs: CSV and Parquet with a row per point, JSON with an object per run.

Trained and imported runs stand in one table; its column `source` tells them apart.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from engine.base.atomic import new_file
from store.db.errors import interruptible
from store.results.rows import CURVE_COLUMNS, RUN_COLUMNS, settings

_FORMULA = r"^[=+\-@\t\r]"
_AT = ("step", "loss", "data", "train_flops")
"""Columns that an imported run has at each point."""


def write(file: Path, rows: pa.Table, imported: pa.Table | None = None) -> int:
    """Write runs to a new file in the format of its suffix, whole or not at all; return how many runs.

    `rows` were trained here, in the columns of SCHEMA; `imported` are points as collections.points gives them.
    Raises: ValueError: where it exists or cannot be written.
    """
    with new_file(file) as opened:
        WRITERS[file.suffix](opened, rows, imported)
    return len(rows) + (0 if imported is None else len(imported["key"].unique()))


def points(rows: pa.Table) -> pa.Table:
    """Return one row per eval point of trained runs: settings and metrics; a metric that does not apply is null."""
    names = [name for name in RUN_COLUMNS if name != "config"]
    configs = [json.loads(text) for text in rows["config"].to_pylist()]
    others = sorted({name for one in configs for name in one})
    wide = rows
    for name in others:
        values = [one.get(name) for one in configs]
        mixed = len({type(value) for value in values if value is not None} - {int, float}) > 0
        wide = wide.append_column(name, _column(values, mixed))
    with interruptible(), duckdb.connect() as con:
        con.register("wide", wide)
        columns = ", ".join(f'"{name}"' for name in [*names, *others]).replace(",", ", 'trained' AS source,", 1)
        # As 64-bit numbers: CSV would have the short form of a float32, which reads as another number.
        curve = ", ".join(f"unnest({name}){'' if name == 'step' else '::DOUBLE'} AS {name}" for name in CURVE_COLUMNS)
        return con.sql(f"SELECT {columns}, {curve} FROM wide").to_arrow_table()


def _column(values: list[Any], text: bool) -> pa.Array:
    if text:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values, pa.float64() if any(isinstance(value, float) for value in values) else pa.int64())


def _all_points(rows: pa.Table, imported: pa.Table | None) -> pa.Table:
    trained = points(rows)
    if imported is None or not len(imported):
        return trained
    for index, name in enumerate(imported.column_names):
        if name in trained.column_names:
            imported = imported.set_column(index, name, _like(imported[name], trained.schema.field(name).type))
    with interruptible(), duckdb.connect() as con:
        con.register("trained", trained)
        con.register("imported", imported)
        return con.sql("FROM trained UNION ALL BY NAME FROM imported").to_arrow_table()


def _like(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """Return the column in another type where that loses nothing, else as it is: imported counts may have fractions."""
    try:
        return column.cast(wanted)
    except pa.ArrowInvalid:
        return column


def _csv(opened: BinaryIO, rows: pa.Table, imported: pa.Table | None) -> None:
    table = _all_points(rows, imported)
    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type):  # a spreadsheet may run a stranger's text as a formula
            table = table.set_column(index, field, pc.replace_substring_regex(table[index], _FORMULA, r"'\0"))
    pyarrow.csv.write_csv(table, opened)


def _parquet(opened: BinaryIO, rows: pa.Table, imported: pa.Table | None) -> None:
    pq.write_table(_all_points(rows, imported), opened, compression="zstd")


def _json(opened: BinaryIO, rows: pa.Table, imported: pa.Table | None) -> None:
    listed: list[dict[str, Any]] = []
    for row in rows.to_pylist():
        stamp = {"source": "trained", "created": row["created"].isoformat(), "config": settings(row)}
        listed.append(row | stamp)
    if imported is not None:
        listed += _objects(imported)
    opened.write(json.dumps(listed, indent=1, allow_nan=False).encode())


def _objects(imported: pa.Table) -> list[dict[str, Any]]:
    """Return one object per imported run, with lists over its points."""
    found: dict[str, dict[str, Any]] = {}
    for row in imported.to_pylist():
        at = {name: row.pop(name) for name in _AT}
        one = found.setdefault(row["key"], row | {"others": json.loads(row["others"])} | {name: [] for name in _AT})
        for name, value in at.items():
            one[name].append(value)
    return list(found.values())


Writer = Callable[[BinaryIO, pa.Table, pa.Table | None], None]
WRITERS: dict[str, Writer] = {".csv": _csv, ".parquet": _parquet, ".json": _json}
"""The writer of each suffix."""
