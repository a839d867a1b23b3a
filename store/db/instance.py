"""Keeps a DuckDB, opens the store's file in it for one reading or change, and closes the file again."""

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
    "threads": "2",  # starting threads takes longer than most queries
}

ROW_GROUP = 32_768
"""Rows in one group of the file. With DuckDB's own 122,880, commits of 50,000 rewrote up to 350,000 rows."""

_OPENING = threading.Lock()
"""Connections of one process to a file share an instance; opened at the same moment, one lacks functions."""


class _Instance:
    """A DuckDB that is kept for all readings and changes of one file: starting one takes 25 ms, opening a file in it 3.

    Between them the file is closed. It can open nothing beside the file, its draft and their logs, as CONFIG has it.
    """

    def __init__(self, file: Path, draft: Path | None = None) -> None:
        self._files = {"store": file} | ({} if draft is None else {"draft": draft})
        self._users = 0
        self._instance = duckdb.connect(config=CONFIG | {"enable_external_access": "true"})
        ends = ("", ".wal", ".wal.checkpoint", ".wal.recovery")
        paths = ", ".join(_quoted(f"{path}{end}") for path in self._files.values() for end in ends)
        settings = f"SET temp_directory = {_quoted(f'{file}.tmp')}; SET allowed_paths = [{paths}]"
        self._instance.execute(f"{settings}; SET enable_external_access = false")

    def begin(self, how: str) -> duckdb.DuckDBPyConnection:
        """Return a connection for one change, or one reading of several; the first of these opens the file."""
        con = self._instance.cursor()
        try:
            for name, path in self._files.items() if not self._users else ():
                con.execute(f"ATTACH {_quoted(path)} AS {name} ({how})")
            con.execute("USE store")
        except BaseException:
            con.close()
            raise
        self._users += 1
        return con

    def end(self, con: duckdb.DuckDBPyConnection) -> None:
        """Close the connection; the last of several at once closes the file."""
        con.close()
        self._users -= 1
        if not self._users:
            if self in _KEPT.values():
                self._instance.execute("DETACH store")  # which merges the log into the file, as closing does
            else:
                self._instance.close()

    def retire(self) -> None:
        """Begin nothing more; what is under way may end."""
        _KEPT.clear()
        if not self._users:
            self._instance.close()


_KEPT: dict[Path, _Instance] = {}
"""The instance of the file that was opened last, if any: a process has one home, tests have many."""


@contextmanager
def opened_to_change(file: Path, draft: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open `file` to change it and close it again; the caller holds the lock.

    `draft`: a new database, attached under that name.
    """
    with _opened(file, draft, f"ROW_GROUP_SIZE {ROW_GROUP}") as con:
        yield con


@contextmanager
def opened_to_read(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open `file` to read it and close it again; the caller holds the lock."""
    if not file.exists():
        raise StoreError(_("The store {file} is gone: start Scalescope again to make a new one.", file=file))
    with _opened(file, None, "READ_ONLY") as con:
        yield con


@contextmanager
def _opened(file: Path, draft: Path | None, how: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with _OPENING:
        instance, con = _waited_for(partial(_begun, file, draft, how))
    try:
        yield con
    except BaseException:
        with _OPENING:
            if instance in _KEPT.values():
                instance.retire()  # DuckDB refuses every statement after some errors
        raise
    finally:
        with _OPENING:
            instance.end(con)


def _begun(file: Path, draft: Path | None, how: str) -> tuple[_Instance, duckdb.DuckDBPyConnection]:
    if file not in _KEPT or draft is not None:
        _retire_all()
    instance = _KEPT.get(file) or _Instance(file, draft)
    if draft is None:
        _KEPT[file] = instance
    try:
        return instance, instance.begin(how)
    except BaseException:
        instance.retire()
        raise


def _retire_all() -> None:
    for instance in list(_KEPT.values()):
        instance.retire()


def _before_fork() -> None:
    """Let a child begin with an instance of its own: it would miss the threads of this one."""
    _OPENING.acquire()
    _retire_all()


os.register_at_fork(before=_before_fork, after_in_parent=_OPENING.release, after_in_child=_OPENING.release)


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
