"""Finds, describes, notes, tags, archives and deletes saved sweeps."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow.compute as pc

from engine.base.language import _, _n
from engine.spec.result import RunState
from store.db.connection import Database
from store.db.errors import StoreError
from store.library import naming
from store.results.inserting import remove
from store.results.lookup import WANTED_RUNS
from store.results.rows import DONE
from store.results.spool import ingest, pending_rows

_SHOWN = 10
"""Most names in a sentence."""
_TAG = r"[\w.:/+-]{1,40}"

_OWN = """
    SELECT run_id FROM runs
    SEMI JOIN (SELECT head FROM sweep_runs WHERE list_contains($ids, sweep_id)) USING (head)
    ANTI JOIN (SELECT head FROM sweep_runs WHERE NOT list_contains($ids, sweep_id)) USING (head)
"""
"""SQL: the runs in the tables that belong to these sweeps alone."""
_STATES = f"""
    WITH wanted AS MATERIALIZED (SELECT key, head FROM sweep_runs WHERE sweep_id = ?), {WANTED_RUNS}, found AS (
        FROM (
            SELECT key, state, created FROM runs SEMI JOIN wanted_runs USING (run_id)
            UNION ALL SELECT key, state, created FROM pending SEMI JOIN wanted USING (key)
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
    """A sweep that a person named."""

    sweep_id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """How many runs of some sweeps have a result: their own runs, and those that other sweeps have too."""

    own: int
    shared: int


def find(db: Database, text: str) -> Found:
    """Return the sweep of this name or key, or the one whose name or key begins so; archived ones too.

    Raises: ValueError: where there is none, or more than one; the sentence lists them.
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
        several = _listed([f"{name!r} ({sweep_id[:8]})" for sweep_id, name, _exact in chosen])
        raise ValueError(
            _("sweep={text!r} may be {several}; write more of its name or key.", text=text[:80], several=several)
        )
    if not names:
        raise ValueError(_("sweep={text!r} is not known; there are: none yet; train one first.", text=text[:80]))
    there = _listed([repr(name) for (name,) in names])
    raise ValueError(_("sweep={text!r} is not known; there are: {names}.", text=text[:80], names=there))


def describe(db: Database, sweep_id: str) -> dict[str, Any]:
    """Return key, name, settings, created (UTC), runs, states (runs by state), note, tags and archived of a sweep.

    The state of a run that has not begun is `missing`. Raises: ValueError: for a sweep that is not there.
    """
    pending = pending_rows(db)
    with db.reading() as con:
        con.register("pending", pending)
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
    """Replace the note of the sweep by `note`; an empty one removes it.

    Raises: ValueError: for a note that is too long, and for a sweep that is not there.
    """
    note = naming.checked_note(note)
    with _changing(db, sweep_id) as con:
        con.execute("UPDATE sweeps SET note = ? WHERE sweep_id = ?", [note or None, sweep_id])


def add_tags(db: Database, sweep_id: str, tags: Sequence[str]) -> list[str]:
    """Add tags to the sweep, and return all its tags.

    Raises: ValueError: for a tag that is not possible, and for a sweep that is not there.
    """
    for tag in tags:
        if not re.fullmatch(_TAG, tag):
            raise ValueError(
                _("tag={tag!r} is not possible; allowed: 1 to 40 letters, digits and . _ : / + -", tag=tag[:40])
            )
    with _changing(db, sweep_id) as con:
        for tag in tags:
            con.execute("INSERT OR IGNORE INTO sweep_tags VALUES (?, ?)", [sweep_id, tag])
        return _tags(con, sweep_id)


def remove_tags(db: Database, sweep_id: str, tags: Sequence[str]) -> list[str]:
    """Remove tags from the sweep, and return the rest.

    Raises: ValueError: for a tag that the sweep does not have, and for a sweep that is not there; nothing changes then.
    """
    with _changing(db, sweep_id) as con:
        there = _tags(con, sweep_id)
        for tag in tags:
            if tag not in there:
                raise ValueError(
                    _(
                        "tag={tag!r} is none of this sweep; its tags are: {tags}.",
                        tag=tag[:40],
                        tags=_listed(there) or _("none"),
                    )
                )
            con.execute("DELETE FROM sweep_tags WHERE sweep_id = ? AND tag = ?", [sweep_id, tag])
        return _tags(con, sweep_id)


def archive(db: Database, sweep_id: str, archived: bool) -> None:
    """Archive the sweep, or bring it back. Raises: ValueError: for a sweep that is not there."""
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
    """Remove the sweeps with the results of their own runs; return how many results went and how many stay.

    Raises: ValueError: for a sweep that is not there; StoreError: while one of their own runs is in training. Nothing
    is removed then.
    """
    ingest(db)  # a result that waits would come back
    pending = pending_rows(db)
    training = pending.filter(pc.equal(pending["state"], str(RunState.RUNNING)))["key"].to_pylist()
    with _changing(db, *sweep_ids) as con:
        ids = {"ids": list(sweep_ids)}
        keys = "SELECT key FROM sweep_runs WHERE {} list_contains($ids, sweep_id)"
        own = con.execute(f"{keys.format('')} EXCEPT {keys.format('NOT')}", ids).fetchall()
        if not {key for (key,) in own}.isdisjoint(training):
            raise StoreError(
                _n(
                    "Runs of this sweep are in training: stop it first, then delete it.",
                    "Runs of these sweeps are in training: stop it first, then delete it.",
                    len(sweep_ids),
                )
            )
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
    return ValueError(_("sweep={id} is not there any more; allowed: a sweep of the list.", id=sweep_id[:40]))


def _listed(words: Sequence[str]) -> str:
    shown, rest = ", ".join(words[:_SHOWN]), len(words) - _SHOWN
    return _("{shown} and {rest} more", shown=shown, rest=rest) if rest > 0 else shown
