"""Collections of runs from elsewhere: stored apart from the runs that were trained here."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from engine.base.language import _
from store.db.connection import Database
from store.library import naming

SIZES = ("params", "width")
"""Possible meanings of the size of an imported run."""
DATA = ("examples", "tokens")
"""Possible units of the data of an imported run."""

_LIST = pa.list_(pa.float64())
_ROWS = pa.schema(
    [
        *((name, pa.string()) for name in ("run", "series")),
        *((name, pa.float64()) for name in ("size", "data", "compute")),
        ("seed", pa.int64()),
        ("loss", pa.float64()),
        *((name, _LIST) for name in ("step", "loss_at", "data_at", "compute_at")),
        ("others", pa.string()),
    ]
)
_COUNTED = """
    SELECT import_id, name, kind, source, size_is, data_is, coalesce(note, '') AS note, created, counted.*
           EXCLUDE (import_id)
    FROM imports JOIN (
        SELECT import_id, count(*) AS runs, count(loss) AS finite, count(step) AS curves,
               count(DISTINCT size) AS sizes, min(size) AS smallest, max(size) AS largest
        FROM imported_runs GROUP BY import_id
    ) AS counted USING (import_id)
    WHERE list_bool_and(list_transform($1::VARCHAR[], lambda word: contains(
        lower(concat_ws(chr(10), name, note, source, kind, import_id)), lower(word)))) IS NOT FALSE
    ORDER BY created DESC, name
"""

_POINTS = """
    WITH chosen AS (
        SELECT * FROM imported_runs JOIN imports USING (import_id)
        WHERE $1 IS NULL OR list_contains($1, import_id)
    ), long AS (
        SELECT * REPLACE (
            unnest(coalesce(step, [NULL])) AS step, unnest(coalesce(loss_at, [loss])) AS loss_at,
            unnest(coalesce(data_at, if(step IS NULL, [data], [data FOR _ IN step]))) AS data_at,
            unnest(coalesce(compute_at, if(step IS NULL, [compute], [compute FOR _ IN step]))) AS compute_at
        ) FROM chosen
    )
    SELECT 'imported' AS source, import_id || '/' || place AS key, name AS collection, run, series,
           if(size_is = 'params', size, NULL) AS params, if(size_is = 'width', size, NULL) AS width,
           data_at AS data, data_is, compute_at AS train_flops, seed,
           if(loss IS NULL, 'diverged', 'finished') AS state, step, loss_at AS loss, others::VARCHAR AS others
    FROM long ORDER BY collection, import_id, place, step
"""


@dataclass(frozen=True, kw_only=True)
class ImportedRun:
    """One run as another program logged it."""

    name: str
    size: float
    """Params or width, as its collection says."""
    loss: float | None
    """The last loss; None where it is not finite or missing."""
    series: str = ""
    """Name of the curve that the run is a point of; "" where the collection is one curve."""
    data: float | None = None
    """Examples or tokens that the run saw, as its collection says."""
    compute: float | None = None
    """FLOPs of its training."""
    seed: int | None = None
    step: tuple[float, ...] | None = None
    """Rising steps; None where there is no curve. The lists below have the same length, or are None too."""
    loss_at: tuple[float | None, ...] | None = None
    data_at: tuple[float | None, ...] | None = None
    """Data seen up to each step."""
    compute_at: tuple[float | None, ...] | None = None
    """FLOPs spent up to each step."""
    others: Mapping[str, str | float | None] = field(default_factory=dict)
    """Other values of the run, by column."""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Runs from one source, on their way into the store."""

    kind: str
    """A name of store.imports.sources.registry.kinds()."""
    source: str
    """Path or name of the source, as people see it."""
    size_is: str
    """A name of SIZES."""
    data_is: str
    """A name of DATA, or "" where no run has data."""
    mapping: Mapping[str, Any]
    """The use of each chosen column of the source."""
    runs: tuple[ImportedRun, ...]

    @property
    def key(self) -> str:
        """Return the id of these runs, the same for any source: importing them again changes nothing."""
        digest = hashlib.sha256(f"{self.size_is}\n{self.data_is}\n".encode())
        for row in _rows(self.runs):
            digest.update(json.dumps(row, sort_keys=True, allow_nan=False).encode() + b"\n")
        return digest.hexdigest()[:32]


def save(db: Database, collection: Collection, name: str = "") -> tuple[str, bool]:
    """Store a collection in one transaction; return its id and whether it was new. A stored one stays as it is.

    Without a `name` it gets the name of its source; a taken name gets a number.
    Raises: ValueError: for a name that is not possible, and for a collection without a run.
    """
    if not collection.runs:
        raise ValueError(_("{source} has no run to import.", source=collection.source))
    wanted = naming.checked(name) if name.strip() else named_after(collection.source)
    key = collection.key
    with db.writing() as con:
        if _is_saved(con, key):
            return key, False
        taken = {found for (found,) in con.execute("SELECT name FROM imports UNION SELECT name FROM sweeps").fetchall()}
        mapping = json.dumps(dict(collection.mapping))
        own = [key, naming.unique(wanted, taken), collection.kind, collection.source, collection.size_is]
        con.execute(
            "INSERT INTO imports (import_id, name, kind, source, size_is, data_is, mapping, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [*own, collection.data_is, mapping, datetime.now(UTC).replace(tzinfo=None)],
        )
        rows = [row | {"others": json.dumps(row["others"])} for row in _rows(collection.runs)]
        table = pa.Table.from_pylist(rows, schema=_ROWS)
        con.register("incoming", table.append_column("place", pa.array(range(1, len(rows) + 1), pa.uint32())))
        con.execute("INSERT INTO imported_runs BY NAME SELECT ? AS import_id, * FROM incoming", [key])
    return key, True


def imports(db: Database, search: str = "") -> pd.DataFrame:
    """Return the imported collections with every word of `search` in name, note, source, kind or id, newest first.

    Columns: import_id, name, kind, source, size_is, data_is, note, created (UTC), runs, finite (runs with a finite
    loss), curves (runs with a curve), sizes (how many), smallest and largest.
    """
    with db.reading() as con:
        return con.execute(_COUNTED, [search.split()]).df()


def runs_of(db: Database, import_id: str, *, curves: bool = True) -> pd.DataFrame:
    """Return one row per run of an imported collection: the fields of ImportedRun and `place`, its number.

    `others` is a dict; without `curves` there is no step, loss_at, data_at and compute_at.
    Raises: ValueError: for a collection that is not there.
    """
    without = "import_id" if curves else "import_id, step, loss_at, data_at, compute_at"
    with db.reading() as con:
        if not _is_saved(con, import_id):
            raise _gone(import_id)
        found = con.execute(
            f"SELECT * EXCLUDE ({without}) RENAME (run AS name) FROM imported_runs WHERE import_id = ? ORDER BY place",
            [import_id],
        ).df()
    found["others"] = [json.loads(text) for text in found["others"]]
    return found


def find(db: Database, text: str) -> str | None:
    """Return the id of the collection with this name or key, or of the only one whose name or key begins so; else None.

    A sweep with this name or key comes first: then None. So does a sweep whose name or key begins so, unless the text
    is the whole name or key of a collection. Raises: ValueError: where several collections begin so.
    """
    match = (
        "SELECT {0}, name, $1 IN (name, {0}) FROM {1} WHERE starts_with(name, $1) OR starts_with({0}, $1) ORDER BY name"
    )
    with db.reading() as con:
        found = con.execute(match.format("import_id", "imports"), [text]).fetchall()
        sweeps = con.execute(match.format("sweep_id", "sweeps"), [text]).fetchall()
    exact = [row for row in found if row[2]]
    if not text or any(row[2] for row in sweeps) or (sweeps and not exact):
        return None
    chosen = exact or found
    if len(chosen) > 1:
        several = ", ".join(f"{name!r} ({key[:8]})" for key, name, _exact in chosen[:10])
        raise ValueError(
            _("{text!r} may be {several}; write more of its name or key.", text=text[:80], several=several)
        )
    return str(chosen[0][0]) if chosen else None


def points(db: Database, import_ids: Sequence[str] | None = None) -> pa.Table:
    """Return one row per point of each run, or one for a run without a curve, of these collections or of all.

    Columns: source ("imported"), key, collection, run, series, params, width, data, data_is, train_flops, seed, state
    (diverged: without a finite loss at its end), step, loss, others (JSON text).
    """
    with db.reading() as con:
        wanted = None if import_ids is None else list(import_ids)
        return con.sql(_POINTS, params=[wanted]).to_arrow_table()


def describe(db: Database, import_id: str) -> dict[str, Any]:
    """Return the row of `imports` for one collection, and its `mapping`.

    Raises: ValueError: for a collection that is not there.
    """
    listed = imports(db)
    found = listed[listed["import_id"] == import_id].to_dict("records")
    with db.reading() as con:
        row = con.execute("SELECT mapping FROM imports WHERE import_id = ?", [import_id]).fetchone()
    if not found or row is None:
        raise _gone(import_id)
    return {str(name): value for name, value in found[0].items()} | {"mapping": json.loads(row[0])}


def rename(db: Database, import_id: str, name: str) -> None:
    """Give the collection another name.

    Raises: ValueError: for one that is not there, and for a name that is not possible or taken.
    """
    wanted = naming.checked(name)
    with _changing(db, import_id) as con:
        taken = con.execute(
            "SELECT 1 FROM (SELECT name FROM sweeps UNION ALL SELECT name FROM imports WHERE import_id <> ?) "
            "WHERE name = ?",
            [import_id, wanted],
        ).fetchone()
        if taken:
            raise ValueError(
                _("name={name!r} is taken by another sweep or collection; choose another name.", name=wanted)
            )
        con.execute("UPDATE imports SET name = ? WHERE import_id = ?", [wanted, import_id])


def set_note(db: Database, import_id: str, note: str) -> None:
    """Replace the note of the collection by `note`; an empty one removes it.

    Raises: ValueError: for a note that is too long, and for a collection that is not there.
    """
    note = naming.checked_note(note)
    with _changing(db, import_id) as con:
        con.execute("UPDATE imports SET note = ? WHERE import_id = ?", [note or None, import_id])


def delete(db: Database, import_id: str) -> int:
    """Remove the collection with its runs; return how many runs. Raises: ValueError: where it is not there."""
    with _changing(db, import_id) as con:
        ((count,),) = con.execute("SELECT count(*) FROM imported_runs WHERE import_id = ?", [import_id]).fetchall()
        for table in ("imported_runs", "imports"):
            con.execute(f"DELETE FROM {table} WHERE import_id = ?", [import_id])
    return int(count)


def _rows(runs: Sequence[ImportedRun]) -> Iterator[dict[str, Any]]:
    for run in runs:
        values = {name: getattr(run, name) for name in _ROWS.names if name not in ("run", "others")}
        yield values | {"run": run.name, "others": dict(run.others)}


def named_after(source: str) -> str:
    """Return a name for a collection that was read from `source`: the last part of its path."""
    name = "".join(letter if letter.isprintable() else " " for letter in source.rstrip("/").rpartition("/")[2]).strip()
    return name[: naming.MAX_NAME] or _("imported runs")


@contextmanager
def _changing(db: Database, import_id: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with db.writing() as con:
        if not _is_saved(con, import_id):
            raise _gone(import_id)
        yield con


def _is_saved(con: duckdb.DuckDBPyConnection, import_id: str) -> bool:
    return con.execute("SELECT 1 FROM imports WHERE import_id = ?", [import_id]).fetchone() is not None


def _gone(import_id: str) -> ValueError:
    return ValueError(_("import={id} is not there any more; allowed: a collection of the list.", id=import_id[:40]))
