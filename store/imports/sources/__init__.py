"""Sources of runs from elsewhere: one file a kind, found by importing this folder; what one of them holds."""

import importlib
import pkgutil
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

MAX_BYTES = 256 * 2**20
"""Of a file that is read."""
MAX_COLUMNS = 2_000
MAX_ROWS = 2_000_000
MAX_CELLS = 20_000_000

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps, rising, and what was measured at each."""


@dataclass(frozen=True, kw_only=True)
class Raw:
    """What a source holds, before anybody has chosen columns."""

    kind: str
    source: str
    """Where it was read from, for people to see."""
    table: pa.Table
    """A row per row of a file, or per run; cells are text or numbers."""
    numbers: np.ndarray | None = None
    """By which number a person finds each row of a file; None where rows are runs."""
    run: str = ""
    """The column that names the runs, where rows are runs."""
    curves: Callable[[str, Sequence[int]], list[Curve | None]] | None = None
    """(column, rows) → the curve of it in each of these rows, where the source keeps more than last values."""

    def called(self, row: int) -> str:
        """Return how a person finds a row, counted from 0: row 17, or run 'small'."""
        if self.numbers is not None:
            return f"row {self.numbers[row]}"
        return f"run {str(self.table[self.run][row].as_py())[:60]!r}" if self.run else f"row {row + 1}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """One kind of source."""

    title: str
    fits: Callable[[Path], bool]
    """Whether a path looks like one; cheap, and reads little."""
    read: Callable[[Path], Raw]
    """Raises: ValueError: in a sentence, for what it cannot read."""


@cache
def kinds() -> tuple[str, ...]:
    """Return the names of all kinds of sources."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(__path__)))


def source(kind: str) -> Source:
    """Return the source of this kind. Raises: ValueError: for an unknown one."""
    if kind not in kinds():
        raise ValueError(f"kind={kind[:40]} is not known; allowed: one of {', '.join(kinds())}.")
    found: Source = importlib.import_module(f"store.imports.sources.{kind}").SOURCE
    return found


def read(path: Path, kind: str = "") -> Raw:
    """Return what lies at `path`, which without a `kind` is whatever it looks like.

    Raises: ValueError: for what is not there, too large, broken or of no known kind, in a sentence.
    """
    if not path.exists():
        raise ValueError(f"{path} is not there: name a file or folder that is.")
    if not (path.is_dir() or path.is_file()):
        raise ValueError(f"{path} is neither a file nor a folder: name one that is.")
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes; up to {MAX_BYTES:,} are read: take a part of it.")
    try:
        chosen = kind or next((name for name in kinds() if source(name).fits(path)), "")
        if not chosen:
            raise ValueError(f"{path} {_unknown(path)}")
        return source(chosen).read(path)
    except OSError as problem:
        raise ValueError(f"{path} cannot be read ({problem.strerror or problem}).") from problem


@contextmanager
def by_package(path: Path, package: str, *modules: str) -> Iterator[list[Any]]:
    """Lend modules of a package that Scalescope does not need itself.

    Raises: ValueError: with the pip command, where it is not installed; for whatever it raises itself, in a sentence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package, to its own developers
        try:
            lent = [importlib.import_module(module) for module in modules]
        except ImportError as problem:
            raise ValueError(f"Reading {path} needs another package: run pip install {package}.") from problem
        try:
            yield lent
        except Exception as problem:  # whatever a stranger's file makes a stranger's package do
            reason = (str(problem).splitlines() or [""])[0][:300] or type(problem).__name__
            raise ValueError(f"{path} cannot be read by {package}: {reason}") from problem


def tabled(path: Path, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a row per mapping; a column holds numbers where all its values are numbers, else text.

    Raises: ValueError: where there is no row.
    """
    if not rows:
        raise ValueError(f"{path} holds no run.")
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_extent(path, len(rows), len(names))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def curve(points: Iterable[tuple[float, float]]) -> Curve | None:
    """Return points in the order they were noted as a curve: of two at one step the later holds."""
    last = dict(points)
    return (sorted(last), [last[step] for step in sorted(last)]) if last else None


def begins(path: Path, count: int = 4096) -> bytes:
    """Return the first bytes of a file; none where it is a folder."""
    if not path.is_file():
        return b""
    with path.open("rb") as opened:
        return opened.read(count)


def has_tables(path: Path, *tables: str) -> bool:
    """Return whether the file is an SQLite database with these tables."""
    if not begins(path, 16).startswith(b"SQLite format 3"):
        return False
    try:
        with closing(_opened(path)) as con:
            there = {name for (name,) in con.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        return False
    return set(tables) <= there


def copy_sqlite(path: Path, copy: Path) -> None:
    """Copy an SQLite database, what only stands in its log included, so that a package may open the copy for writing.

    Raises: ValueError: where it is damaged.
    """
    try:
        with closing(_opened(path)) as there, closing(sqlite3.connect(copy)) as made:
            there.backup(made)
    except sqlite3.Error as problem:
        raise ValueError(f"{path} cannot be read, or is damaged ({problem}).") from problem


def named(names: Sequence[str]) -> list[str]:
    """Return column names that are told apart: one that is empty or comes again gets a number."""
    found: dict[str, None] = {}
    for place, name in enumerate(names, start=1):
        plain = " ".join(name.split()) or f"column {place}"
        tried, number = plain, 1
        while tried in found:
            number += 1
            tried = f"{plain} ({number})"
        found[tried] = None
    return list(found)


def check_extent(path: Path | str, rows: int, columns: int) -> None:
    """Refuse a table that is larger than any that makes sense. Raises: ValueError: in words."""
    if columns > MAX_COLUMNS:
        raise ValueError(f"{path} has {columns:,} columns; up to {MAX_COLUMNS:,} are read: leave some out.")
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise ValueError(
            f"{path} has {rows:,} rows of {columns:,} columns; up to {MAX_ROWS:,} rows and {MAX_CELLS:,} cells are "
            "read: leave some out."
        )


def _column(values: Sequence[Any]) -> pa.Array:
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    # What is no letter of Unicode, as in a folder's name, has no place in Arrow.
    texts = [None if value is None else str(value).encode(errors="replace").decode() for value in values]
    return pa.array(texts, pa.string())


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


_KNOWN = (
    (rb"PK\x03\x04", "is a spreadsheet or an archive: save it as CSV, or unpack it."),
    (rb"\x1f\x8b|\x28\xb5\x2f\xfd|BZh|\xfd7zXZ", "is compressed: unpack it first."),
    (rb"\x80[\x02-\x05]", "is a Python pickle, which is not read: write it as CSV or Parquet."),
)


def _unknown(path: Path) -> str:
    start = begins(path)
    if not start and path.is_file():
        return "is empty."
    found = (words for pattern, words in _KNOWN if re.match(pattern, start))
    return next(found, f"is nothing that can be read; there are: {', '.join(source(k).title for k in kinds())}.")
