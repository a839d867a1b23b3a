"""Looks up which runs have a result, and forgets failed ones."""

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from engine.spec.run import RunSpec
from store.db.connection import Database
from store.results.inserting import remove
from store.results.lookup import WANTED_RUNS, keyed
from store.results.rows import DONE, SCHEMA
from store.results.spool import ingest, keys_with_result

BATCH = 20_000
"""Runs in one part of `done_batches`."""

_BATCH = f"""
    SELECT {", ".join(SCHEMA.names)} FROM runs JOIN curves USING (run_id) SEMI JOIN part USING (run_id)
    WHERE run_id BETWEEN ? AND ? ORDER BY run_id
"""
_ENDED = f"""
    CREATE OR REPLACE TEMP TABLE ended AS
    WITH {WANTED_RUNS} SELECT run_id FROM runs SEMI JOIN wanted_runs USING (run_id) WHERE state NOT IN {DONE}
"""


def missing(db: Database, runs: Sequence[RunSpec]) -> list[RunSpec]:
    """Return the runs without a done result in the tables or the spool, in their order; failed ones are missing."""
    done = keys_with_result(db, runs, failed=False)
    return [run for run in runs if run.key not in done]


def done_batches(db: Database, keys: Collection[str] | None = None) -> Iterator[pa.Table]:
    """Yield the done runs in the tables, or those among `keys`, in parts with the columns of SCHEMA.

    The store is free between two parts; runs that are deleted meanwhile are left out.
    """
    with db.reading() as con:
        con.register("wanted", keyed(keys or ()))
        only_keys = "" if keys is None else "SEMI JOIN wanted_runs USING (run_id)"
        sql = f"WITH {WANTED_RUNS} SELECT run_id FROM runs {only_keys} WHERE state IN {DONE} ORDER BY run_id"
        ids = con.execute(sql).fetchnumpy()["run_id"]
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        with db.reading() as con:
            con.register("part", pa.table({"run_id": pa.array(part, pa.uint32())}))
            rows = con.sql(_BATCH, params=[int(part[0]), int(part[-1])]).to_arrow_table().cast(SCHEMA)
        yield rows


def forget_failed(db: Database, runs: Sequence[RunSpec]) -> None:
    """Remove the failures among `runs`, in the tables and the spool: these runs then count as never begun."""
    ingest(db)  # a failure that waits would come back
    with db.writing() as con:
        con.register("wanted", keyed(run.key for run in runs))
        con.execute(_ENDED)
        remove(con, "SELECT run_id FROM ended")
