"""Lists saved sweeps a page at a time: searched, sorted, cut and counted in SQL."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.results.lookup import WANTED_RUNS
from store.results.rows import DONE
from store.results.spool import pending_rows

ROWS = 15
"""Sweeps on a page."""
MAX_SEARCH = 200
"""Characters of a search that count."""
SORTS = {"newest": "created DESC, name", "oldest": "created, name", "name": "lower(name), name"}
"""SQL of each order, by its name."""

_HITS = """
    CREATE TEMP TABLE hits AS SELECT sweep_id, name, created FROM sweeps
    WHERE ($archived IS NULL OR (archived IS NOT NULL) = $archived)
"""
_TAGGED = """
    AND sweep_id IN (
        SELECT sweep_id FROM sweep_tags WHERE list_contains($tags, tag) GROUP BY sweep_id HAVING count(*) = len($tags)
    )
"""
_WORD = """
    AND (contains(lower(concat_ws(chr(10), name, note, coalesce(settings->>'$.arch', $arch),
                                  coalesce(settings->>'$.dataset', $dataset))), lower(${word}))
         OR len(${word}) > 5 AND starts_with(sweep_id, lower(${word}))
         OR sweep_id IN (SELECT sweep_id FROM sweep_tags WHERE contains(lower(tag), lower(${word}))))
"""
"""SQL for one word. Settings leave defaults out, so $arch and $dataset give them; keys need a long word, since a
short number is in many keys by chance."""
_SHOWN = """
    CREATE TEMP TABLE shown AS
    WITH cut AS (FROM hits ORDER BY {order} LIMIT $rows OFFSET $skipped),
    tagged AS (
        SELECT sweep_id, list(tag ORDER BY tag) AS tags FROM sweep_tags SEMI JOIN cut USING (sweep_id) GROUP BY sweep_id
    )
    SELECT sweep_id, name, created, archived IS NOT NULL AS archived, coalesce(note, '') AS note,
           coalesce(tags, []) AS tags, json_extract_string(settings, '$.arch[*]') AS archs,
           json_extract_string(settings, '$.dataset[*]') AS datasets
    FROM sweeps SEMI JOIN cut USING (sweep_id) LEFT JOIN tagged USING (sweep_id)
"""
_COUNTED = f"""
    WITH members AS MATERIALIZED (
        SELECT sweep_id, key, head FROM sweep_runs SEMI JOIN shown USING (sweep_id)
    ), wanted AS (FROM members), {WANTED_RUNS}, found AS (
        FROM (SELECT key, state, created FROM runs SEMI JOIN wanted_runs USING (run_id) UNION ALL FROM pending)
        SEMI JOIN members USING (key)
        QUALIFY row_number() OVER (
            PARTITION BY key
            ORDER BY CASE WHEN state IN {DONE} THEN 0 WHEN state = 'running' THEN 1 ELSE 2 END, created DESC
        ) = 1
    ), counted AS (
        SELECT sweep_id, count(*) AS runs, count(*) FILTER (state IN {DONE}) AS done,
               count(*) FILTER (state = 'failed') AS failed, count(*) FILTER (state = 'running') AS running
        FROM members LEFT JOIN found USING (key) GROUP BY sweep_id
    )
    SELECT sweep_id, name, created, archived, note, tags,
           if(archs = [], $arch, array_to_string(archs, ', ')) AS arch,
           if(datasets = [], $dataset, array_to_string(datasets, ', ')) AS dataset,
           coalesce(runs, 0) AS runs, coalesce(done, 0) AS done,
           coalesce(failed, 0) AS failed, coalesce(running, 0) AS running
    FROM shown LEFT JOIN counted USING (sweep_id) ORDER BY {{order}}
"""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the sweeps that a search finds."""

    rows: pd.DataFrame
    """One row per sweep: sweep_id, name, created (UTC), archived, note, tags, arch, dataset, and how many runs it has
    (runs), how many have a result (done), failed (failed) and are in training (running). Not to be changed."""
    total: int
    """Sweeps on all pages."""
    number: int
    """Number of this page, from 1."""
    pages: int
    """Pages in all, at least 1."""


def page(
    db: Database,
    text: str = "",
    *,
    tags: Collection[str] = (),
    archived: bool | None = False,
    sort: str = "newest",
    number: int = 1,
    rows: int = ROWS,
) -> Page:
    """Return page `number`, or the last, of the sweeps that have every word of `text` and all of `tags`.

    A word may stand anywhere in name, note, tags, architectures and data sets, in capitals or not; one of six letters
    and more may begin the key. `archived`: archived sweeps, the others, or (None) both.
    Raises: ValueError: for another `sort`.
    """
    if sort not in SORTS:
        allowed = ", ".join(SORTS)
        raise ValueError(_("sort={sort} is not possible; allowed: {allowed}.", sort=sort[:40], allowed=allowed))
    pending = pending_rows(db).select(["key", "state", "created"])
    with db.reading() as con:
        _search(con, text, tags, archived)
        ((total,),) = con.execute("SELECT count(*) FROM hits").fetchall()
        pages = max(-(-total // rows), 1)
        number = min(max(number, 1), pages)
        con.execute(_SHOWN.format(order=SORTS[sort]), {"rows": rows, "skipped": (number - 1) * rows})
        con.register("pending", pending)
        found = con.execute(_COUNTED.format(order=SORTS[sort]), _defaults()).df()
    found["tags"] = [tuple(its) for its in found["tags"]]
    return Page(rows=found, total=total, number=number, pages=pages)


def titles(db: Database, text: str = "", most: int = 100) -> tuple[dict[str, str], int]:
    """Return the names of the newest sweeps that `page` finds, by id and not archived, and how many it finds."""
    with db.reading() as con:
        _search(con, text, (), False)
        ((total,),) = con.execute("SELECT count(*) FROM hits").fetchall()
        newest = f"SELECT sweep_id, name FROM hits ORDER BY {SORTS['newest']} LIMIT ?"
        return dict(con.execute(newest, [most]).fetchall()), total


def tags(db: Database, most: int = 500) -> dict[str, int]:
    """Return how many sweeps have each tag, the most used first and at most `most` tags."""
    counts = "SELECT tag, count(*) FROM sweep_tags GROUP BY tag ORDER BY count(*) DESC, tag LIMIT ?"
    with db.reading() as con:
        return dict(con.execute(counts, [most]).fetchall())


def names(db: Database, sweep_ids: Sequence[str]) -> dict[str, str]:
    """Return the name of each of these sweeps that is there, in their order."""
    with db.reading() as con:
        found = dict(
            con.execute("SELECT sweep_id, name FROM sweeps WHERE list_contains(?, sweep_id)", [sweep_ids]).fetchall()
        )
    return {sweep_id: found[sweep_id] for sweep_id in sweep_ids if sweep_id in found}


def _search(con: duckdb.DuckDBPyConnection, text: str, tags: Collection[str], archived: bool | None) -> None:
    """Make the table `hits`."""
    sql, given = _HITS, dict[str, Any](archived=archived)
    if tags:
        sql, given = sql + _TAGGED, given | {"tags": sorted(set(tags))}
    words = {f"word{number}": word for number, word in enumerate(text[:MAX_SEARCH].split())}
    if words:
        sql, given = sql + "".join(_WORD.format(word=name) for name in words), given | words | _defaults()
    con.execute(sql, given)


def _defaults() -> dict[str, str]:
    """Return the architecture and the data set of a sweep whose settings name none."""
    return {name: str(SweepSpec(settings=()).values(name)[0]) for name in ("arch", "dataset")}
