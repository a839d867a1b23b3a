"""Says when the store lacks changes that it held before, until a person accepts that."""

from dataclasses import replace

import duckdb

from engine.base.language import _
from store.db import ledger
from store.db.connection import Database
from store.db.errors import in_words


def lost(db: Database) -> str:
    """Return in words how many results are missing, and what to do; "" where nothing is."""
    with db.reading() as con:
        return sentence(db, con)


def sentence(db: Database, con: duckdb.DuckDBPyConnection) -> str:
    """Return the sentence of `lost`, read through an open connection."""
    found = ledger.loss(con, ledger.read(db.ledger))
    if found is None:
        return ""
    before, now = found
    values = {"file": db.file, "before": before, "now": now, "missing": before - now, "log": f"{db.file.name}.wal"}
    if before <= now:
        return _(
            "The store {file} lacks changes that it held before: it had {before:,} results and has {now:,}. "
            "An older copy lies in its place, or its log {log} was lost or cut. Close Scalescope and put the newer "
            "file back with its log, or a backup; or accept the store as it is: scalescope store accept. "
            "Missing runs train anew.",
            **values,
        )
    return _(
        "The store {file} lacks changes that it held before: it had {before:,} results and has {now:,}, so "
        "{missing:,} are missing. An older copy lies in its place, or its log {log} was lost or cut. Close Scalescope "
        "and put the newer file back with its log, or a backup; or accept the store as it is: scalescope store accept. "
        "Missing runs train anew.",
        **values,
    )


def accept(db: Database) -> None:
    """Accept the store as it is: `lost` is silent from now on."""
    with db.writing():
        pass  # a change of its own: should the newer file come back, this one is not in it
    with in_words(db.file), db.locked():
        known = ledger.read(db.ledger)
        if known is not None:
            ledger.write(db.ledger, replace(known, held=None, found=0))
