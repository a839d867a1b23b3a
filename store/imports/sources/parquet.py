"""Parquet: its columns of numbers and text, read after what it declares was found to be of a sensible size."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from store.imports.sources import Raw, Source, begins, check_extent, named

MAX_DECODED = 2**30
"""Bytes that a file may declare for its decoded pages."""
MAX_TEXT = 2**28
"""Bytes of all texts of one column."""


def fits(path: Path) -> bool:
    """Return whether the file begins as Parquet does."""
    return begins(path, 4) == b"PAR1"


def read(path: Path) -> Raw:
    """Return the rows, counted from 1. Columns of lists, structures, times and much text are left out."""
    if not fits(path):
        raise ValueError(f"{path} is no Parquet file.")
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        found = file.schema_arrow
        kept = [field.name for field in found if _is_cell(field.type)]
        check_extent(path, file.metadata.num_rows, file.metadata.num_columns)
        if sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)) > MAX_DECODED:
            raise ValueError(f"{path} holds more than {MAX_DECODED:,} bytes once decoded: leave some columns out.")
        texts = [field.name for field in found if field.name in kept and _is_text(field.type)]
        file = pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=texts)
        table = file.read(columns=kept)
        table.validate(full=True)
    except (pa.ArrowException, UnicodeError) as problem:
        raise ValueError(f"{path} is no Parquet file that can be read: {_first_line(problem)}") from problem
    except OSError as problem:  # also what pyarrow raises for a file that is damaged
        raise ValueError(f"{path} cannot be read, or is damaged: {_first_line(problem)}") from problem
    columns = {name: _decoded(column) for name, column in zip(named(table.column_names), table.columns, strict=True)}
    table = pa.table({name: column for name, column in columns.items() if column is not None})
    if not table.num_rows:
        raise ValueError(f"{path} has no row of numbers or text.")
    return Raw(kind="parquet", source=str(path), table=table, numbers=np.arange(1, table.num_rows + 1))


def _is_cell(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or _is_text(kind)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return the column with its texts written out, and None where they are too long: some bytes may be gigabytes."""
    if not pa.types.is_dictionary(column.type):
        return column
    size = 0
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary).fill_null(0)
        size += pc.sum(lengths.take(chunk.indices.drop_null())).as_py() or 0
    return pc.cast(column, pa.string()) if size <= MAX_TEXT else None


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".") + "."


SOURCE = Source(title="Parquet", fits=fits, read=read)
