"""Starts DuckDB, opens the store's file in it for one reading or change, and closes the file again."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb

from engine.base.language import _
from store.db.errors import StoreError

T = TypeVar("T")
FOREIGN_WAIT = 5.0
"""Seconds to wait for a tool that knows nothing of our lock file."""
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # DuckDB would fetch extensions from the network, and a stranger's file could read others through its views.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "threads": "2",  # opened for every query, and starting threads takes longer than most of them
}

ROW_GROUP = 32_768
"""Rows in one group of the file. With DuckDB's own 122,880, commits of 50,000 rewrote up to 350,000 rows."""

_OPENING = threading.Lock()
"""Connections of one process to a file share an instance; opened at the same moment, one lacks functions."""


@contextmanager
def opened_to_change(file: Path, draft: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open `file` to change it and close it again; the caller holds the lock.

    `draft`: a new database, attached under that name.
    """
    with _OPENING:
        con = _waited_for(partial(_writer, file, draft))
    try:
        yield con
    finally:
        with _OPENING:
            con.close()


class _Reader:
    """A DuckDB that is kept for all readings of one file: starting one takes 25 ms, opening a file in it 3.

    Between readings the file is closed. It can open nothing beside the file and its log, as CONFIG has it.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._readings = file, 0
        self._instance = duckdb.connect(config=CONFIG | {"enable_external_access": "true"})
        paths = ", ".join(_quoted(f"{file}{end}") for end in ("", ".wal", ".wal.checkpoint", ".wal.recovery"))
        settings = f"SET temp_directory = {_quoted(f'{file}.tmp')}; SET allowed_paths = [{paths}]"
        self._instance.execute(f"{settings}; SET enable_external_access = false")

    def begin(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one reading; the first of several at once opens the file."""
        con = self._instance.cursor()
        try:
            if not self._readings:
                con.execute(f"ATTACH {_quoted(self._file)} AS store (READ_ONLY)")
            con.execute("USE store")
        except BaseException:
            con.close()
            raise
        self._readings += 1
        return con

    def end(self, con: duckdb.DuckDBPyConnection) -> None:
        """Close the connection of a reading; the last of several at once closes the file."""
        con.close()
        self._readings -= 1
        if not self._readings:
            if self in _READERS.values():
                self._instance.execute("DETACH store")
            else:
                self._instance.close()

    def retire(self) -> None:
        """Begin no more readings; those under way may end."""
        _READERS.clear()
        if not self._readings:
            self._instance.close()


_READERS: dict[Path, _Reader] = {}
"""The reader of the file that was read last, if any: a process has one home, tests have many."""


@contextmanager
def opened_to_read(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open `file` to read it and close it again; the caller holds the lock."""
    with _OPENING:
        reader, con = _waited_for(partial(_begun, file))
    try:
        yield con
    except BaseException:
        with _OPENING:
            if reader in _READERS.values():
                reader.retire()  # DuckDB refuses every statement after some errors
        raise
    finally:
        with _OPENING:
            reader.end(con)


def _begun(file: Path) -> tuple[_Reader, duckdb.DuckDBPyConnection]:
    if not file.exists():
        raise StoreError(_("The store {file} is gone: start Scalescope again to make a new one.", file=file))
    if file not in _READERS:
        _retire_all()
        _READERS[file] = _Reader(file)
    try:
        return _READERS[file], _READERS[file].begin()
    except BaseException:
        _retire_all()
        raise


def _retire_all() -> None:
    for reader in list(_READERS.values()):
        reader.retire()


def _before_fork() -> None:
    """Let a child begin with a reader of its own: it would miss the threads of this one."""
    _OPENING.acquire()
    _retire_all()


os.register_at_fork(before=_before_fork, after_in_parent=_OPENING.release, after_in_child=_OPENING.release)


def _writer(file: Path, draft: Path | None) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config=CONFIG | {"enable_external_access": "true"})
    try:
        for path, name in ((file, "store"), (draft, "draft")):
            if path is not None:
                con.execute(f"ATTACH {_quoted(path)} AS {name} (ROW_GROUP_SIZE {ROW_GROUP})")
        con.execute("USE store; SET enable_external_access = false")
    except BaseException:
        con.close()
        raise
    return con


def _quoted(path: Path | str) -> str:
    """Return the path as a literal: ATTACH and SET take no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


def _waited_for(opening: Callable[[], T]) -> T:
    deadline = time.monotonic() + FOREIGN_WAIT
    while True:
        try:
            return opening()
        except duckdb.IOException as error:
            if "set lock" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
