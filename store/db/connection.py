"""Lends a connection to the one DuckDB file for one reading or writing, under a lock file beside it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from engine.base.language import _
from engine.base.locks import locked
from store.db import ledger
from store.db.errors import StoreError, in_words, not_a_database

LOCK_WAIT = 60.0
"""Seconds to wait for another Scalescope process; a very large ingest takes some of them."""
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
        with in_words(self.file), self.locked(shared=True), connected(self.file, read_only=True) as con:
            yield con

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend the only connection, inside a transaction that commits on leaving and is undone by an error."""
        with in_words(self.file), self.locked(), self.changing() as con:
            yield con

    @contextmanager
    def changing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection as `writing` does, to a caller who holds the lock."""
        with connected(self.file, read_only=False) as con:
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


@contextmanager
def connected(file: Path, read_only: bool, draft: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open `file` and close it again; the caller holds the lock. `draft`: a new database, attached under that name."""
    with _OPENING:
        con = _waited_for(partial(_reader, file) if read_only else partial(_writer, file, draft))
    try:
        yield con
    finally:
        with _OPENING:
            con.close()


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


def _reader(file: Path) -> duckdb.DuckDBPyConnection:
    if not file.exists():
        raise StoreError(_("The store {file} is gone: start Scalescope again to make a new one.", file=file))
    return duckdb.connect(str(file), read_only=True, config=CONFIG)


def _writer(file: Path, draft: Path | None) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config=CONFIG | {"enable_external_access": "true"})
    try:
        for path, name in ((file, "store"), (draft, "draft")):
            if path is not None:
                quoted = str(path).replace("'", "''")  # ATTACH takes no parameter
                con.execute(f"ATTACH '{quoted}' AS {name} (ROW_GROUP_SIZE {ROW_GROUP})")
        con.execute("USE store; SET enable_external_access = false")
    except BaseException:
        con.close()
        raise
    return con


def _waited_for(opening: Callable[[], duckdb.DuckDBPyConnection]) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + FOREIGN_WAIT
    while True:
        try:
            return opening()
        except duckdb.IOException as error:
            if "set lock" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


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
