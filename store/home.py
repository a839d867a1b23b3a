"""Opens the store of a home folder: makes it, brings it up to date, fills in the gallery."""

import fcntl
import logging
import os
from pathlib import Path

from engine.base.atomic import put_in_place
from store.db import backup, integrity, schema
from store.db.connection import Database, check_magic, connected
from store.db.errors import ELSEWHERE, StoreError, in_words
from store.exchange import gallery
from store.results import artifacts

__all__ = ["Database", "StoreError", "open_database"]


def open_database(home: Path | None = None) -> Database:
    """Return the store in `home`, else in SCALESCOPE_HOME, else in ~/.scalescope; makes it where there is none.

    Raises: StoreError: where the folder or its database cannot be used, and what to do.
    """
    artifacts.kept_bytes()
    chosen = home or Path(os.environ.get("SCALESCOPE_HOME") or "~/.scalescope")
    db = Database(chosen.expanduser().absolute())
    with in_words(db.file):
        for folder in (db.live, db.rejected, db.outcomes):
            folder.mkdir(parents=True, exist_ok=True)
        if not db.file.exists():
            _create(db)
        check_magic(db.file)
    with db.reading() as con:
        found = _checked(schema.version(con), db.file)
        complete = found == schema.NEWEST and not gallery.unread(con)
        if lost := integrity.sentence(db, con):
            logging.getLogger(__name__).warning(lost)  # on the standard error of every command
    if found < schema.NEWEST:
        _bring_up_to_date(db)
    if not complete:
        gallery.import_gallery(db)
    return db


def _create(db: Database) -> None:
    """Make the file under another name first, so that no kill leaves half a database under the right one."""
    wal = Path(f"{db.file}.wal")
    made = db.file.with_suffix(".new")
    with db.locked(fcntl.LOCK_EX):
        if db.file.exists():
            return
        if wal.exists():  # of a database that was moved away: DuckDB would refuse ours because of it
            wal.rename(f"{wal}.old")
        for rest in db.home.glob(f"{made.name}*"):
            rest.unlink()
        with connected(made, read_only=False) as con:
            con.begin()
            schema.migrate(con, 0)
            con.commit()
            con.execute(
                "CHECKPOINT"
            )  # closing would do it too, but not say when it fails: the tables stay in a log then
        put_in_place(made, db.file)


def _bring_up_to_date(db: Database) -> None:
    """Run all missing migrations in one transaction, once a copy of the store as it was lies beside it."""
    with in_words(db.file), db.locked(fcntl.LOCK_EX):
        with connected(db.file, read_only=False) as con:
            found = _checked(schema.version(con), db.file)
            con.execute("CHECKPOINT")  # then all of it is in the one file
        if found < schema.NEWEST:  # another process may have been faster
            backup.keep_before(db, schema.NEWEST)
            with db.changing() as con:
                schema.migrate(con, found)


def _checked(version: int | None, file: Path) -> int:
    if version is None:
        raise StoreError(f"{file} is a DuckDB database, but not Scalescope's: move it aside, or {ELSEWHERE}.")
    if version > schema.NEWEST:
        raise StoreError(
            f"{file} was written by a newer Scalescope (its tables have version {version}, here they have "
            f"{schema.NEWEST}): update Scalescope, or {ELSEWHERE}."
        )
    return version
