"""Parquet: columns of numbers and text, read once the sizes that the file declares are within limits."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.base.language import _
from store.imports.sources.source import Raw, Source, begins, check_extent, named

MAX_DECODED = 2**30
"""Most bytes that a file may declare for its decoded pages."""
MAX_TEXT = 2**28
"""Most bytes of all texts in one column."""


def fits(path: Path) -> bool:
    """Return whether the file begins as Parquet does."""
    return begins(path, 4) == b"PAR1"


def read(path: Path) -> Raw:
    """Return the rows, counted from 1. Columns of lists, structures, times and much text are left out."""
    if not fits(path):
        raise ValueError(_("{path} is no Parquet file.", path=path))
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        found = file.schema_arrow
        wanted = [field.name for field in found if _is_cell(field.type)]
        check_extent(path, file.metadata.num_rows, file.metadata.num_columns)
        if sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)) > MAX_DECODED:
            raise ValueError(
                _(
                    "{path} holds more than {most:,} bytes once decoded: leave some columns out.",
                    path=path,
                    most=MAX_DECODED,
                )
            )
        texts = [field.name for field in found if field.name in wanted and _is_text(field.type)]
        file = pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=texts)
        table = file.read(columns=wanted)
        table.validate(full=True)
    except (pa.ArrowException, UnicodeError) as problem:
        reason = _first_line(problem)
        raise ValueError(
            _("{path} is no Parquet file that can be read: {reason}", path=path, reason=reason)
        ) from problem
    except OSError as problem:  # pyarrow raises it for a damaged file too
        reason = _first_line(problem)
        raise ValueError(_("{path} cannot be read, or is damaged: {reason}", path=path, reason=reason)) from problem
    columns = {name: _decoded(column) for name, column in zip(named(table.column_names), table.columns, strict=True)}
    table = pa.table({name: column for name, column in columns.items() if column is not None})
    if not table.num_rows:
        raise ValueError(_("{path} has no row of numbers or text.", path=path))
    return Raw(kind="parquet", source=str(path), table=table, numbers=np.arange(1, table.num_rows + 1))


def _is_cell(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or _is_text(kind)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return the column with its texts written out; None where they are too long: a few bytes may become gigabytes."""
    if not pa.types.is_dictionary(column.type):
        return column
    size = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary).fill_null(0)
        size += pc.sum(lengths.take(chunk.indices.drop_null())).as_py() or 0
    return pc.cast(column, pa.string()) if size <= MAX_TEXT else None


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".") + "."


SOURCE = Source(title=_("Parquet"), fits=fits, read=read)
