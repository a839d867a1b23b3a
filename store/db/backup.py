"""Copies the file of the store: a backup elsewhere, or one without unused space in its own place."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb

from engine.base.atomic import put_in_place, whole
from store.db.connection import Database, connected
from store.db.errors import FULL, StoreError, in_words

KEPT = 3
"""Copies from before migrations that stay, those before the newest versions."""
_BEFORE = re.compile(r"scalescope\.before-(\d{1,6})\.duckdb")


def backup(db: Database, target: Path) -> int:
    """Write the tables as they are at one moment to `target`, whole or not at all; return the runs in it.

    It may take the place of an older backup. Raises: ValueError: for a place where no backup can be put.
    """
    target = target.absolute()
    _check_target(db, target)
    with in_words(db.file), _only_backup(db), in_words(target), whole(target, durable=True) as draft:
        # Then the store is free again: making the copy last is what takes long on a slow disk.
        return _copy_file(db, target, draft)


def vacuum(db: Database) -> tuple[int, int]:
    """Write the store anew without the space that nothing uses any more; return its bytes before and after.

    The new file takes the old one's place in one step; what a killed vacuum leaves, the next one removes.
    """
    draft = db.file.with_suffix(".vacuum")
    with in_words(db.file), db.locked(fcntl.LOCK_EX):
        _clear(draft)
        try:
            with connected(db.file, read_only=False, draft=draft) as con:
                con.execute("CHECKPOINT")  # so that no log is left, which the new file would be taken to belong to
                before = db.file.stat().st_size
                _copy_all(con)
                con.execute("DETACH draft")
                # The old file stays open until then: no other tool can write what would be lost.
                put_in_place(draft, db.file)
        finally:
            _clear(draft)
        return before, db.file.stat().st_size


def keep_before(db: Database, version: int) -> Path:
    """Copy the store, under the caller's lock and without a log, beside itself before it becomes `version`.

    Raises: StoreError: where there is no room for the copy; an older one of this name stays then.
    """
    copy = db.file.with_suffix(f".before-{version}.duckdb")
    with in_words(db.file):
        size = db.file.stat().st_size
        try:
            with whole(copy, durable=True) as draft, db.file.open("rb") as source:
                shutil.copyfileobj(source, draft, 2**20)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise StoreError(
                f"Before Scalescope brings the store up to date it keeps a copy of it, and the disk that holds "
                f"{db.home} has no room for it: nothing was changed; free {size / 2**20:,.1f} MiB and try again."
            ) from error
    older = {int(match[1]): path for path in db.home.iterdir() if (match := _BEFORE.fullmatch(path.name))}
    for number in sorted(older)[:-KEPT]:
        older[number].unlink()
    return copy


def _copy_file(db: Database, target: Path, draft: BinaryIO) -> int:
    with _exclusive(db) as con:
        ((count,),) = con.execute("SELECT count(*) FROM runs").fetchall()
        with in_words(target), db.file.open("rb") as source:
            shutil.copyfileobj(source, draft, 2**20)
    return int(count)


def _copy_all(con: duckdb.DuckDBPyConnection) -> None:
    """Copy every table into `draft` and count them. Raises: StoreError: where something is missing there."""
    con.execute("COPY FROM DATABASE store TO draft")
    tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'").fetchall()
    for (table,) in tables:
        both = [f'SELECT count(*) FROM {place}."{table}"' for place in ("store.main", "draft.main")]
        old, new = (con.execute(count).fetchall() for count in both)
        if old != new:
            raise StoreError(f"The table {table} could not be copied; the store is as it was. Try again.")


@contextmanager
def _exclusive(db: Database) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend the only connection, all changes in the one file and none in a log beside it."""
    with in_words(db.file), db.locked(fcntl.LOCK_EX), connected(db.file, read_only=False) as con:
        con.execute("CHECKPOINT")
        yield con


@contextmanager
def _only_backup(db: Database) -> Iterator[None]:
    """Two backups to one file would write into one draft."""
    with (db.home / "scalescope.backup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError("Another backup of this store is under way: wait for it, then try again.") from None
        yield


def _check_target(db: Database, target: Path) -> None:
    def refused(why: str) -> ValueError:
        return ValueError(f"file={str(target)!r} is not possible, {why}; allowed: a new file, or an older backup.")

    if not target.parent.is_dir():
        raise refused("its folder is not there")
    if target.parent.resolve().is_relative_to(db.home.resolve()):
        raise refused("it lies in the store's own folder")
    if target.exists() and not target.is_file():
        raise refused("it is no plain file")
    if Path(f"{target}.wal").exists():
        raise refused("a log of another database, of its name and .wal, lies beside it")
    if not os.access(target.parent, os.W_OK):
        raise refused("its folder may not be written to")
    if target.exists():
        with target.open("rb") as older:
            if older.read(12)[8:] != b"DUCK":
                raise refused("it holds something else")


def _clear(draft: Path) -> None:
    for rest in draft.parent.glob(f"{draft.name}*"):
        rest.unlink()
