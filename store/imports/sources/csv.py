"""CSV: a text file with a header, its cells separated by commas, semicolons or tabs."""

import csv
import re
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.base.language import _, _n
from store.imports.sources.source import Raw, Source, begins, check_extent, named

MAX_LINE = 2**20
"""Longest line in characters. Where a quote is missing, the rest of a file may be one line of quoted text."""
_DELIMITERS = ",;\t"
_BATCH = 20_000
_NO_TEXT = rb"^PAR1|[\0-\x08\x0e-\x1f]"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def fits(path: Path) -> bool:
    """Return whether the file begins as text does."""
    start = begins(path)
    if start.startswith(_UTF16):
        return True
    return bool(start) and not re.search(_NO_TEXT, start) and start.lstrip()[:1] not in (b"{", b"[")  # as JSON begins


def read(path: Path) -> Raw:
    """Return the rows, every cell as text; the header counts as row 1, as in a spreadsheet."""
    if not fits(path):
        if path.is_file() and not begins(path):
            raise ValueError(_("{path} is empty.", path=path))
        raise ValueError(_("{path} is no CSV: it holds what is no text.", path=path))
    encoding = "utf-16" if begins(path).startswith(_UTF16) else "utf-8-sig"
    try:
        with path.open(encoding=encoding, newline="") as opened:
            return _read(path, opened)
    except UnicodeError as problem:
        name = encoding.removesuffix("-sig").upper()
        raise ValueError(
            _("{path} is no {encoding} text: save it as UTF-8, then try again.", path=path, encoding=name)
        ) from problem
    except csv.Error as problem:
        raise ValueError(_("{path} is no CSV that can be read ({problem}).", path=path, problem=problem)) from problem


def _read(path: Path, opened: TextIOWrapper) -> Raw:
    first = opened.readline(MAX_LINE + 1)
    opened.seek(0)
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.reader(_lines(path, opened), delimiter=delimiter, strict=True)
    header = next(rows, [])
    if not any(cell.strip() for cell in header):
        raise ValueError(_("{path} has no header: its first row must name the columns.", path=path))
    check_extent(path, 0, len(header))
    names = named(header)
    schema = pa.schema([(name, pa.string()) for name in names])
    batches, numbers, batch = [], [], []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(names):
            raise ValueError(
                _(
                    "{path}: row {number} has {own}, the header {header}. Every row must have as many as the header.",
                    path=path,
                    number=number,
                    own=_cells(len(row)),
                    header=_cells(len(names)),
                )
            )
        batch.append(row)
        numbers.append(number)
        if len(batch) == _BATCH:
            check_extent(path, len(numbers), len(names))
            batches.append(_columns(batch, schema))
            batch = []
    if not numbers:
        raise ValueError(_("{path} has a header and no row.", path=path))
    check_extent(path, len(numbers), len(names))
    table = pa.Table.from_batches([*batches, _columns(batch, schema)], schema)
    return Raw(kind="csv", source=str(path), table=table, numbers=np.array(numbers))


def _lines(path: Path, opened: TextIOWrapper) -> Iterator[str]:
    while line := opened.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise ValueError(
                _(
                    "{path} has a line of more than {most:,} characters: it is no table of runs.",
                    path=path,
                    most=MAX_LINE,
                )
            )
        yield line


def _columns(batch: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    cells = zip(*batch, strict=True) if batch else ([] for _ in schema)
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in cells], schema=schema)


def _cells(count: int) -> str:
    return _n("{n:,} cell", "{n:,} cells", count)


SOURCE = Source(title=_("CSV"), fits=fits, read=read)
