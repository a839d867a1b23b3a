"""Saves, renames and loads sweeps."""

import json
from datetime import UTC, datetime

import duckdb

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.library import naming
from store.results.lookup import keyed


def save_sweep(db: Database, sweep: SweepSpec, name: str = "") -> str:
    """Save the sweep and return its id; a saved one keeps its name.

    Without a `name` it gets one from its settings; a taken name gets a number.
    Raises: ValueError: for a name that is too long.
    """
    wanted = naming.checked(name) if name else naming.describe(sweep)
    with db.reading() as con:
        if _is_saved(con, sweep.key):
            return sweep.key
    with db.writing() as con:
        add_sweep(con, sweep, wanted)
    return sweep.key


def add_sweep(con: duckdb.DuckDBPyConnection, sweep: SweepSpec, name: str) -> None:
    """Save the sweep unless it is saved, inside the caller's transaction; a taken name gets a number."""
    if _is_saved(con, sweep.key):
        return
    taken = {found for (found,) in con.execute("SELECT name FROM sweeps").fetchall()}
    values = [sweep.key, naming.unique(name, taken), json.dumps(dict(sweep.settings)), _now()]
    con.execute("INSERT INTO sweeps (sweep_id, name, settings, created) VALUES (?, ?, ?, ?)", values)
    con.register("sweep_keys", keyed(sweep.run_keys))
    con.execute("INSERT INTO sweep_runs SELECT ?, key, head FROM sweep_keys", [sweep.key])
    con.unregister("sweep_keys")


def rename_sweep(db: Database, sweep_id: str, name: str) -> None:
    """Give the sweep another name.

    Raises: ValueError: for an unknown sweep, and for a name that is empty, too long or taken.
    """
    wanted = naming.checked(name)
    with db.writing() as con:
        holder = con.execute("SELECT sweep_id FROM sweeps WHERE name = ?", [wanted]).fetchone()
        if holder is not None and holder[0] != sweep_id:
            raise ValueError(_("name={name!r} is taken by another sweep; choose another name.", name=wanted))
        if not _is_saved(con, sweep_id):
            raise _unknown(sweep_id)
        con.execute("UPDATE sweeps SET name = ? WHERE sweep_id = ?", [wanted, sweep_id])


def load_sweep(db: Database, sweep_id: str) -> SweepSpec:
    """Return the sweep. Raises: ValueError: for an id that is not known."""
    with db.reading() as con:
        row = con.execute("SELECT name, settings FROM sweeps WHERE sweep_id = ?", [sweep_id]).fetchone()
    if row is None:
        raise _unknown(sweep_id)
    try:
        return SweepSpec.of(json.loads(row[1]))
    except ValueError as error:
        raise StoreError(
            _(
                "The sweep {name!r} was saved by another version and cannot be made again: {error}",
                name=row[0],
                error=error,
            )
        ) from error


def _is_saved(con: duckdb.DuckDBPyConnection, sweep_id: str) -> bool:
    return con.execute("SELECT 1 FROM sweeps WHERE sweep_id = ?", [sweep_id]).fetchone() is not None


def _unknown(sweep_id: str) -> ValueError:
    return ValueError(_("sweep={id} is not known; allowed: a sweep of the list.", id=sweep_id[:40]))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
