"""Opens the store of a home folder: makes it, brings it up to date, fills in the gallery."""

import logging
import os
from pathlib import Path

from engine.base.atomic import put_in_place
from engine.base.language import _
from store.db import backup, integrity, schema
from store.db.connection import Database, check_magic
from store.db.errors import StoreError, in_words
from store.db.instance import opened_to_change
from store.exchange import gallery
from store.results import artifacts
from store.results.spool import ingest

__all__ = ["Database", "StoreError", "open_current", "open_database"]


def open_database(home: Path | None = None) -> Database:
    """Return the store in `home`, else in SCALESCOPE_HOME, else in ~/.scalescope; makes it where there is none.

    Raises: StoreError: where the folder or its database cannot be used, and what to do.
    """
    artifacts.predictions_limit()  # a wrong one is refused now, not when a run ends
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


def open_current() -> Database:
    """Return the store as `open_database` does, with all results that wait for it in its tables.

    Raises: StoreError: as `open_database`, and where the tables cannot take them.
    """
    db = open_database()
    ingest(db)
    return db


def _create(db: Database) -> None:
    """Make the file under another name first, so that no kill leaves half a database under the right one."""
    wal = Path(f"{db.file}.wal")
    made = db.file.with_suffix(".new")
    with db.locked():
        if db.file.exists():
            return
        if wal.exists():  # of a database that was moved away: DuckDB would refuse ours because of it
            wal.rename(f"{wal}.old")
        for rest in db.home.glob(f"{made.name}*"):
            rest.unlink()
        with opened_to_change(made) as con:
            con.begin()
            schema.migrate(con, 0)
            con.commit()
            # Closing would do it too, but not say when it fails: the tables stay in a log then.
            con.execute("CHECKPOINT")
        put_in_place(made, db.file)


def _bring_up_to_date(db: Database) -> None:
    """Run all missing migrations in one transaction, after a copy of the store as it was lies beside it."""
    with in_words(db.file), db.locked():
        with opened_to_change(db.file) as con:
            found = _checked(schema.version(con), db.file)
            con.execute("CHECKPOINT")  # then all of it is in the one file
        if found < schema.NEWEST:  # another process may have been faster
            backup.copy_before(db, schema.NEWEST)
            with db.changing() as con:
                schema.migrate(con, found)


def _checked(version: int | None, file: Path) -> int:
    if version is None:
        raise StoreError(
            _(
                "{file} is a DuckDB database, but not Scalescope's: move it aside, or set SCALESCOPE_HOME to another "
                "folder.",
                file=file,
            )
        )
    if version > schema.NEWEST:
        raise StoreError(
            _(
                "{file} was written by a newer Scalescope (its tables have version {version}, here they have "
                "{newest}): update Scalescope, or set SCALESCOPE_HOME to another folder.",
                file=file,
                version=version,
                newest=schema.NEWEST,
            )
        )
    return version
