"""What a source of runs is: the functions of its file, the table that they return, and help for reading one."""

import importlib
import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from engine.base.language import _

MAX_COLUMNS = 2_000
MAX_ROWS = 2_000_000
MAX_CELLS = 20_000_000

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps, rising, and what was measured at each."""


@dataclass(frozen=True, kw_only=True)
class Raw:
    """The content of a source, before anybody has chosen columns."""

    kind: str
    source: str
    """Path or name of the source, as people see it."""
    table: pa.Table
    """One row per row of a file, or per run; cells are text or numbers."""
    numbers: np.ndarray | None = None
    """Number by which a person finds each row of a file; None where rows are runs."""
    run: str = ""
    """The column that names the runs, where rows are runs."""
    curves: Callable[[str, Sequence[int]], list[Curve | None]] | None = None
    """(column, rows) → its curve in each of these rows; None where the source has last values alone."""

    def called(self, row: int) -> str:
        """Return how a sentence names a row, counted from 0: row 17, or run 'small'."""
        if self.numbers is None and self.run:
            return _("run {name!r}", name=str(self.table[self.run][row].as_py())[:60])
        return _("row {number}", number=self._number(row))

    def name(self, row: int) -> str:
        """Return the name of a run that has none of its own and is this row; part of a collection's key."""
        return f"row {self._number(row)}"

    def _number(self, row: int) -> int:
        return row + 1 if self.numbers is None else int(self.numbers[row])


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of source."""

    title: str
    fits: Callable[[Path], bool]
    """Whether a path looks like this kind; reads little."""
    read: Callable[[Path], Raw]
    """Returns the content. Raises: ValueError: in a sentence, where it cannot be read."""


@contextmanager
def by_package(path: Path, package: str, *modules: str) -> Iterator[list[Any]]:
    """Lend modules of a package that Scalescope does not require.

    Raises: ValueError: with the pip command, where it is not installed; in a sentence, for any error of the package.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # meant for the developers of the package
        try:
            lent = [importlib.import_module(module) for module in modules]
        except ImportError as problem:
            raise ValueError(
                _("Reading {path} needs another package: run pip install {package}.", path=path, package=package)
            ) from problem
        try:
            yield lent
        except Exception as problem:  # a stranger's file may raise anything in a stranger's package
            reason = (str(problem).splitlines() or [""])[0][:300] or type(problem).__name__
            raise ValueError(
                _("{path} cannot be read by {package}: {reason}", path=path, package=package, reason=reason)
            ) from problem


def tabled(path: Path, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return one row per mapping; a column holds numbers where all its values are numbers, else text.

    Raises: ValueError: where there is no row.
    """
    if not rows:
        raise ValueError(_("{path} holds no run.", path=path))
    names = list(dict.fromkeys(name for row in rows for name in row))
    check_extent(path, len(rows), len(names))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def curve(points: Iterable[tuple[float, float]]) -> Curve | None:
    """Return a curve from points in the order in which they were logged; of two at one step, the later one counts."""
    last = dict(points)
    return (sorted(last), [last[step] for step in sorted(last)]) if last else None


def begins(path: Path, count: int = 4096) -> bytes:
    """Return the first bytes of a file; a folder has none."""
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
    """Copy an SQLite database with the changes in its log, so that a package may open the copy for writing.

    Raises: ValueError: where it is damaged.
    """
    try:
        with closing(_opened(path)) as there, closing(sqlite3.connect(copy)) as made:
            there.backup(made)
    except sqlite3.Error as problem:
        raise ValueError(
            _("{path} cannot be read, or is damaged ({problem}).", path=path, problem=problem)
        ) from problem


def named(names: Sequence[str]) -> list[str]:
    """Return unique column names: an empty or repeated one gets a number."""
    found: dict[str, None] = {}
    for position, name in enumerate(names, start=1):
        plain = " ".join(name.split()) or f"column {position}"
        tried, number = plain, 1
        while tried in found:
            number += 1
            tried = f"{plain} ({number})"
        found[tried] = None
    return list(found)


def check_extent(path: Path | str, rows: int, columns: int) -> None:
    """Refuse a table that is too large. Raises: ValueError: with its size and the limits."""
    if columns > MAX_COLUMNS:
        raise ValueError(
            _(
                "{path} has {columns:,} columns; up to {most:,} are read: leave some out.",
                path=path,
                columns=columns,
                most=MAX_COLUMNS,
            )
        )
    if rows > MAX_ROWS or rows * columns > MAX_CELLS:
        raise ValueError(
            _(
                "{path} has {rows:,} rows of {columns:,} columns; up to {most_rows:,} rows and {most_cells:,} cells "
                "are read: leave some out.",
                path=path,
                rows=rows,
                columns=columns,
                most_rows=MAX_ROWS,
                most_cells=MAX_CELLS,
            )
        )


def _column(values: Sequence[Any]) -> pa.Array:
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    # Bytes that are no Unicode, as a folder's name may have, do not fit into Arrow.
    texts = [None if value is None else str(value).encode(errors="replace").decode() for value in values]
    return pa.array(texts, pa.string())


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
