"""Lends a connection to the one DuckDB file for one reading or writing, under a lock file beside it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from engine.base.language import _
from engine.base.locks import locked
from store.db import ledger
from store.db.errors import StoreError, in_words, not_a_database
from store.db.instance import opened_to_change, opened_to_read

LOCK_WAIT = 60.0
"""Seconds to wait for another Scalescope process; a very large ingest takes some of them."""


@dataclass(frozen=True)
class Database:
    """The store in one home folder; it holds no connection, so threads may share it."""

    home: Path

    @property
    def file(self) -> Path:
        """The DuckDB file."""
        return self.home / "scalescope.duckdb"

    @property
    def ledger(self) -> Path:
        """The file that counts the changes of the store; see store.db.ledger."""
        return self.home / "scalescope.ledger"

    @property
    def spool(self) -> Path:
        """Folder of the write-once result files."""
        return self.home / "spool"

    @property
    def live(self) -> Path:
        """Folder of the runs that workers have in training."""
        return self.spool / "live"

    @property
    def outcomes(self) -> Path:
        """Folder of predictions and weights, each file under the name of its result file."""
        return self.spool / "outcomes"

    @property
    def rejected(self) -> Path:
        """Folder of files that lay in the spool and hold no result."""
        return self.spool / "rejected"

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a read-only connection, together with other readers; fetch everything before leaving."""
        with in_words(self.file), self.locked(shared=True), opened_to_read(self.file) as con:
            yield con

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend the only connection, inside a transaction that commits on leaving and is undone by an error."""
        with in_words(self.file), self.locked(), self.changing() as con:
            yield con

    @contextmanager
    def changing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection as `writing` does, to a caller who holds the lock."""
        with opened_to_change(self.file) as con:
            con.begin()
            begun = ledger.begun(con, ledger.read(self.ledger))
            yield con
            ended = ledger.ended(con, begun)
            con.commit()
            ledger.write(self.ledger, ended)

    def generation(self) -> tuple[int, ...]:
        """Return numbers that change with every commit, spool file and update of a run in training."""
        parts = [_stamp(self.file), _stamp(Path(f"{self.file}.wal")), _stamp(self.ledger)]
        parts += [_stamp(self.spool), (_entries(self.spool),)]
        live = sorted(self.live.glob("*.arrow")) if self.live.is_dir() else []
        return tuple(number for part in [*parts, *(_stamp(path) for path in live)] for number in part)

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the store's lock, alone or together with other shared ones; the system frees it when a process dies.

        Raises: StoreError: where another process holds it for longer than LOCK_WAIT.
        """
        deadline = time.monotonic() + LOCK_WAIT
        with _opened(self.home / "scalescope.lock") as lock:
            # Who waits holds the gate, so that a stream of readers cannot keep a writer out.
            with _opened(self.home / "scalescope.gate") as gate:
                _lock(gate, deadline, shared=False)
                _lock(lock, deadline, shared=shared)
            yield


def check_magic(file: Path) -> None:
    """Refuse a file that is no DuckDB database: of a SQLite file, DuckDB would ask for an extension.

    Not to be called while this process has the file open: closing it would free DuckDB's own lock.
    """
    if not has_magic(file):
        raise not_a_database(file)


def has_magic(file: Path) -> bool:
    """Return whether a file begins as DuckDB writes it; not to be called either while this process has it open."""
    with file.open("rb") as opened:
        return opened.read(12)[8:] == b"DUCK"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int, deadline: float, *, shared: bool) -> None:
    if not locked(handle, shared=shared, wait=deadline - time.monotonic()):
        raise StoreError(
            _(
                "Another Scalescope process has kept the store busy for {seconds:.0f} s: "
                "wait for it or end it, then try again.",
                seconds=LOCK_WAIT,
            )
        )


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _entries(folder: Path) -> int:
    return len(os.listdir(folder)) if folder.is_dir() else 0
