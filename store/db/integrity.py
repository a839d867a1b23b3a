"""Says when the store lacks changes that it held before, until a person accepts that."""

import fcntl
from dataclasses import replace

import duckdb

from store.db import ledger
from store.db.connection import Database
from store.db.errors import in_words


def lost(db: Database) -> str:
    """Return in words how many results are missing, and what to do; "" where nothing is."""
    with db.reading() as con:
        return sentence(db, con)


def sentence(db: Database, con: duckdb.DuckDBPyConnection) -> str:
    """Return the same, by a connection that is open."""
    found = ledger.loss(con, ledger.read(db.ledger))
    if found is None:
        return ""
    before, now = found
    missing = f", so {before - now:,} are missing" if before > now else ""
    return (
        f"The store {db.file} lacks changes that it held before: it had {before:,} results and has {now:,}{missing}. "
        f"An older copy lies in its place, or its log {db.file.name}.wal was lost or cut. Close Scalescope and put the "
        "newer file back with its log, or a backup; or accept the store as it is: python -m store accept. "
        "Missing runs train anew."
    )


def accept(db: Database) -> None:
    """Take the store as it is for whole from now on."""
    with db.writing():
        pass  # a change of its own: should the newer file come back, this one is not in it
    with in_words(db.file), db.locked(fcntl.LOCK_EX):
        known = ledger.read(db.ledger)
        if known is not None:
            ledger.write(db.ledger, replace(known, held=None, found=0))
