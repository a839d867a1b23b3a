"""Looks after saved sweeps: finds, describes, notes, tags, archives and deletes them."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow.compute as pc

from engine.spec.result import RunState
from store.db.connection import Database
from store.db.errors import StoreError
from store.library import naming
from store.results.inserting import remove
from store.results.lookup import WANTED_RUNS
from store.results.rows import DONE
from store.results.spool import ingest, pending_rows

_SHOWN = 10
"""Most names that a sentence lists."""
_TAG = r"[\w.:/+-]{1,40}"

_OWN = """
    SELECT run_id FROM runs
    SEMI JOIN (SELECT head FROM sweep_runs WHERE list_contains($ids, sweep_id)) USING (head)
    ANTI JOIN (SELECT head FROM sweep_runs WHERE NOT list_contains($ids, sweep_id)) USING (head)
"""
"""The runs in the tables that belong to these sweeps alone."""
_STATES = f"""
    WITH wanted AS MATERIALIZED (SELECT key, head FROM sweep_runs WHERE sweep_id = ?), {WANTED_RUNS}, found AS (
        FROM (
            SELECT key, state, created FROM runs SEMI JOIN wanted_runs USING (run_id)
            UNION ALL SELECT key, state, created FROM beside SEMI JOIN wanted USING (key)
        )
        QUALIFY row_number() OVER (
            PARTITION BY key
            ORDER BY CASE WHEN state IN {DONE} THEN 0 WHEN state = 'running' THEN 1 ELSE 2 END, created DESC
        ) = 1
    )
    SELECT coalesce(state, 'missing') AS state, count(*) FROM wanted LEFT JOIN found USING (key)
    GROUP BY ALL ORDER BY state
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A sweep that a person asked for."""

    sweep_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many runs of sweeps have a result: those that no other sweep has, and those that others have too."""

    own: int
    shared: int


def find(db: Database, text: str) -> Found:
    """Return the sweep of this name or key, or the one whose name or key begins so; archived ones too.

    Raises: ValueError: where there is none, or more than one; it says which there are.
    """
    with db.reading() as con:
        rows = con.execute(
            """
            SELECT sweep_id, name, name = $1 OR sweep_id = $1 AS exact FROM sweeps
            WHERE exact OR $1 <> '' AND (starts_with(name, $1) OR starts_with(sweep_id, $1))
            ORDER BY exact DESC, name
            """,
            [text],
        ).fetchall()
        every = "SELECT name FROM sweeps ORDER BY archived IS NOT NULL, created DESC, name"
        names = [] if rows else con.execute(every).fetchall()
    chosen = [row for row in rows if row[2]] or rows
    if len(chosen) == 1:
        return Found(sweep_id=chosen[0][0], name=chosen[0][1])
    if chosen:
        several = _listed([f"{name!r} ({sweep_id[:8]})" for sweep_id, name, _ in chosen])
        raise ValueError(f"sweep={text[:80]!r} may be {several}; write more of its name or key.")
    there = _listed([repr(name) for (name,) in names]) if names else "none yet; train one first"
    raise ValueError(f"sweep={text[:80]!r} is not known; there are: {there}.")


def describe(db: Database, sweep_id: str) -> dict[str, Any]:
    """Return key, name, settings, created (UTC), runs, states (runs by state), note, tags and archived of a sweep.

    A run that has not begun is `missing`. Raises: ValueError: for a sweep that is not there.
    """
    beside = pending_rows(db)
    with db.reading() as con:
        con.register("beside", beside)
        row = con.execute(
            "SELECT name, settings, created, note, archived IS NOT NULL FROM sweeps WHERE sweep_id = ?", [sweep_id]
        ).fetchone()
        if row is None:
            raise _gone(sweep_id)
        states = {state: int(count) for state, count in con.execute(_STATES, [sweep_id]).fetchall()}
        tags = _tags(con, sweep_id)
    return {
        "key": sweep_id,
        "name": row[0],
        "settings": json.loads(row[1]),
        "created": row[2],
        "runs": sum(states.values()),
        "states": states,
        "note": row[3] or "",
        "tags": tags,
        "archived": bool(row[4]),
    }


def set_note(db: Database, sweep_id: str, note: str) -> None:
    """Keep `note` with the sweep in place of the one before; an empty one takes it away.

    Raises: ValueError: for a note that is too long, and for a sweep that is not there.
    """
    note = naming.checked_note(note)
    with _changing(db, sweep_id) as con:
        con.execute("UPDATE sweeps SET note = ? WHERE sweep_id = ?", [note or None, sweep_id])


def add_tags(db: Database, sweep_id: str, tags: Sequence[str]) -> list[str]:
    """Tag the sweep, and return all its tags; one that it has already stays.

    Raises: ValueError: for a tag that is not possible, and for a sweep that is not there.
    """
    for tag in tags:
        if not re.fullmatch(_TAG, tag):
            raise ValueError(f"tag={tag[:40]!r} is not possible; allowed: 1 to 40 letters, digits and . _ : / + -")
    with _changing(db, sweep_id) as con:
        for tag in tags:
            con.execute("INSERT OR IGNORE INTO sweep_tags VALUES (?, ?)", [sweep_id, tag])
        return _tags(con, sweep_id)


def remove_tags(db: Database, sweep_id: str, tags: Sequence[str]) -> list[str]:
    """Take tags from the sweep, and return those left.

    Raises: ValueError: for a tag that it does not have, then none is taken; and for a sweep that is not there.
    """
    with _changing(db, sweep_id) as con:
        there = _tags(con, sweep_id)
        for tag in tags:
            if tag not in there:
                raise ValueError(f"tag={tag[:40]!r} is none of this sweep; its tags are: {_listed(there) or 'none'}.")
            con.execute("DELETE FROM sweep_tags WHERE sweep_id = ? AND tag = ?", [sweep_id, tag])
        return _tags(con, sweep_id)


def archive(db: Database, sweep_id: str, archived: bool) -> None:
    """Put the sweep aside, or bring it back. Raises: ValueError: for a sweep that is not there."""
    when = datetime.now(UTC).replace(tzinfo=None) if archived else None
    with _changing(db, sweep_id) as con:
        con.execute("UPDATE sweeps SET archived = ? WHERE sweep_id = ?", [when, sweep_id])


def share(db: Database, *sweep_ids: str) -> Share:
    """Return how many results in the tables deleting these sweeps would remove, and how many others would keep.

    Whoever asks ingests first.
    """
    with db.reading() as con:
        return _share(con, sweep_ids)


def delete(db: Database, *sweep_ids: str) -> Share:
    """Remove the sweeps, and the results of those of their runs that no other sweep has; return how many.

    Raises: ValueError: for a sweep that is not there; StoreError: while a run of theirs alone is in training. Then
    nothing is removed.
    """
    ingest(db)  # a result that waits would come back
    beside = pending_rows(db)
    training = beside.filter(pc.equal(beside["state"], str(RunState.RUNNING)))["key"].to_pylist()
    with _changing(db, *sweep_ids) as con:
        ids = {"ids": list(sweep_ids)}
        keys = "SELECT key FROM sweep_runs WHERE {} list_contains($ids, sweep_id)"
        own = con.execute(f"{keys.format('')} EXCEPT {keys.format('NOT')}", ids).fetchall()
        if not {key for (key,) in own}.isdisjoint(training):
            these = "this sweep" if len(sweep_ids) == 1 else "these sweeps"
            raise StoreError(f"Runs of {these} are in training: stop it first, then delete it.")
        counts = _share(con, sweep_ids)
        con.execute(f"CREATE TEMP TABLE doomed AS {_OWN}", ids)
        remove(con, "SELECT run_id FROM doomed", "outcomes")
        for table in ("sweep_tags", "sweep_runs", "sweeps"):
            con.execute(f"DELETE FROM {table} WHERE list_contains($ids, sweep_id)", ids)
        return counts


@contextmanager
def _changing(db: Database, *sweep_ids: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with db.writing() as con:
        for sweep_id in sweep_ids:
            if con.execute("SELECT 1 FROM sweeps WHERE sweep_id = ?", [sweep_id]).fetchone() is None:
                raise _gone(sweep_id)
        yield con


def _share(con: duckdb.DuckDBPyConnection, sweep_ids: Sequence[str]) -> Share:
    ids = {"ids": list(sweep_ids)}
    ((own,),) = con.execute(f"SELECT count(*) FROM ({_OWN})", ids).fetchall()
    theirs = "SELECT key FROM sweep_runs WHERE list_contains($ids, sweep_id)"
    ((both,),) = con.execute(f"SELECT count(*) FROM runs SEMI JOIN ({theirs}) USING (key)", ids).fetchall()
    return Share(own=int(own), shared=int(both - own))


def _tags(con: duckdb.DuckDBPyConnection, sweep_id: str) -> list[str]:
    rows = con.execute("SELECT tag FROM sweep_tags WHERE sweep_id = ? ORDER BY tag", [sweep_id]).fetchall()
    return [tag for (tag,) in rows]


def _gone(sweep_id: str) -> ValueError:
    return ValueError(f"sweep={sweep_id[:40]} is not there any more; allowed: a sweep of the list.")


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
