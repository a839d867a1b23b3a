"""Copies the file of the store: a backup elsewhere, or one without unused space in its own place."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb

from engine.base.atomic import put_in_place, whole
from engine.base.language import _
from engine.base.locks import locked
from store.db.connection import Database, has_magic
from store.db.errors import FULL, StoreError, in_words
from store.db.instance import opened_to_change

COPIES = 3
"""Copies from before migrations that stay: those before the newest versions."""
_BEFORE = re.compile(r"scalescope\.before-(\d{1,6})\.duckdb")


def backup(db: Database, target: Path) -> int:
    """Write the tables as they are at one moment to `target`, whole or not at all; return the runs in it.

    It may replace an older backup. Whoever asks ingests first. Raises: ValueError: for a `target` where no backup can
    stand.
    """
    target = target.absolute()
    _check_target(db, target)
    with in_words(db.file), _only_backup(db), in_words(target), whole(target, durable=True) as draft:
        # After that the store is free again: the fsync of the copy is what takes long on a slow disk.
        return _copy_file(db, target, draft)


def vacuum(db: Database) -> tuple[int, int]:
    """Rewrite the store without unused space; return its bytes before and after.

    The new file replaces the old one in one step; the next vacuum removes what a killed one leaves.
    """
    draft = db.file.with_suffix(".vacuum")
    with in_words(db.file), db.locked():
        _clear(draft)
        try:
            with opened_to_change(db.file, draft=draft) as con:
                con.execute("CHECKPOINT")  # so that no log is left, which DuckDB would take for the new file's
                before = db.file.stat().st_size
                _copy_all(con)
                con.execute("DETACH draft")
                # The old file stays open until then: no other tool can write into it what would be lost.
                put_in_place(draft, db.file)
        finally:
            _clear(draft)
        return before, db.file.stat().st_size


def copy_before(db: Database, version: int) -> Path:
    """Copy the store to a file beside it before it becomes `version`; return that file.

    The caller holds the lock, and the store has no log. Raises: StoreError: where there is no room for the copy; an
    older copy of this name stays then.
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
                _(
                    "Before Scalescope brings the store up to date it keeps a copy of it, and the disk that holds "
                    "{home} has no room for it: nothing was changed; free {size:,.1f} MiB and try again.",
                    home=db.home,
                    size=size / 2**20,
                )
            ) from error
    older = {int(match[1]): path for path in db.home.iterdir() if (match := _BEFORE.fullmatch(path.name))}
    for number in sorted(older)[:-COPIES]:
        older[number].unlink()
    return copy


def _copy_file(db: Database, target: Path, draft: BinaryIO) -> int:
    with _exclusive(db) as con:
        ((count,),) = con.execute("SELECT count(*) FROM runs").fetchall()
        with in_words(target), db.file.open("rb") as source:
            shutil.copyfileobj(source, draft, 2**20)
    return int(count)


def _copy_all(con: duckdb.DuckDBPyConnection) -> None:
    """Copy every table into `draft` and compare the counts of rows. Raises: StoreError: where they differ."""
    con.execute("COPY FROM DATABASE store TO draft")
    tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'store'").fetchall()
    for (table,) in tables:
        both = [f'SELECT count(*) FROM {schema}."{table}"' for schema in ("store.main", "draft.main")]
        old, new = (con.execute(count).fetchall() for count in both)
        if old != new:
            raise StoreError(
                _("The table {table} could not be copied; the store is as it was. Try again.", table=table)
            )


@contextmanager
def _exclusive(db: Database) -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend the only connection; all changes are in the one file, none in a log beside it."""
    with in_words(db.file), db.locked(), opened_to_change(db.file) as con:
        con.execute("CHECKPOINT")
        yield con


@contextmanager
def _only_backup(db: Database) -> Iterator[None]:
    """Refuse a second backup at the same time: two to one file would write into one draft."""
    with (db.home / "scalescope.backup.lock").open("w") as lock:
        if not locked(lock.fileno()):
            raise StoreError(_("Another backup of this store is under way: wait for it, then try again."))
        yield


def _check_target(db: Database, target: Path) -> None:
    file = str(target)
    if not target.parent.is_dir():
        raise ValueError(
            _(
                "file={file!r} is not possible, its folder is not there; allowed: a new file, or an older backup.",
                file=file,
            )
        )
    if target.parent.resolve().is_relative_to(db.home.resolve()):
        raise ValueError(
            _(
                "file={file!r} is not possible, it lies in the store's own folder; "
                "allowed: a new file, or an older backup.",
                file=file,
            )
        )
    if target.exists() and not target.is_file():
        raise ValueError(
            _("file={file!r} is not possible, it is no plain file; allowed: a new file, or an older backup.", file=file)
        )
    if Path(f"{target}.wal").exists():
        raise ValueError(
            _(
                "file={file!r} is not possible, a log of another database, of its name and .wal, lies beside it; "
                "allowed: a new file, or an older backup.",
                file=file,
            )
        )
    if not os.access(target.parent, os.W_OK):
        raise ValueError(
            _(
                "file={file!r} is not possible, its folder may not be written to; "
                "allowed: a new file, or an older backup.",
                file=file,
            )
        )
    if target.exists() and not has_magic(target):
        raise ValueError(
            _(
                "file={file!r} is not possible, it holds something else; allowed: a new file, or an older backup.",
                file=file,
            )
        )


def _clear(draft: Path) -> None:
    for rest in draft.parent.glob(f"{draft.name}*"):
        rest.unlink()
