"""Answers what pages and commands ask, one function per figure or table; no function writes."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engine.base.language import _
from engine.spec.result import METRICS
from engine.spec.run import RunSpec
from store.db.connection import Database
from store.results.artifacts import unpacked
from store.results.lookup import WANTED_RUNS, heads, keyed
from store.results.rows import DONE
from store.results.spool import pending_rows

# The runs that are asked for, from the tables and from the spool. A result beats a run in training, which beats an
# old failure.
_FOUND = f"""
    WITH {WANTED_RUNS}, stored AS (
        SELECT * EXCLUDE (run_id, head) FROM runs SEMI JOIN wanted_runs USING (run_id) JOIN curves USING (run_id)
    ), found AS (
        FROM (FROM stored UNION ALL BY NAME FROM pending)
        QUALIFY row_number() OVER (
            PARTITION BY key
            ORDER BY CASE WHEN state IN {DONE} THEN 0 WHEN state = 'running' THEN 1 ELSE 2 END, created DESC
        ) = 1
    )
"""
_SIZES = ("width", "depth", "seed", "data_seed", "dataset_size", "params", "params_non_embedding")
_ACCURACY = ", ".join(f"1 - {split}_error AS {split}_accuracy" for split in ("train", "val", "test"))
_METRICS = ", ".join(METRICS).replace("test_exact", "if(wanted.one_answer, 1 - test_error, test_exact) AS test_exact")
"""The metrics as shown. Where there is one answer, the exact match follows from the error and is not stored."""
_PREDICTIONS = f"""
    WITH {WANTED_RUNS} SELECT key, predictions
    FROM runs SEMI JOIN wanted_runs USING (run_id) JOIN outcomes USING (run_id) WHERE predictions IS NOT NULL
"""
_WEIGHTS = f"""
    WITH {WANTED_RUNS} SELECT weights FROM outcomes SEMI JOIN wanted_runs USING (run_id) WHERE weights IS NOT NULL
"""
_POINT = {
    "last": "len(step)",
    "best": "if(list_min(val_{by}) IS NULL, len(step), list_position(val_{by}, list_min(val_{by})))",
    "step": "len(list_filter(step, lambda s: s <= {at}))",
}
_SPENT = "step * wanted.batch AS examples_seen, train_flops / wanted.steps * step AS flops_spent"
"""Columns that follow from the step and are not stored."""


def runs_at(db: Database, runs: Sequence[RunSpec], at: str | int = "last", by: str = "loss") -> pd.DataFrame:
    """Return one row per run that has begun, in the order of `runs`, with its metrics at one eval point.

    `at` is "last", "best" (the earliest point of lowest validation `by`, "loss" or "error"), or a step: then the
    latest point not after it. A value that is not finite or not yet measured is NaN; then `step` is 0.
    Each error has its accuracy beside it, which is R² where the loss is mse; see engine.spec.result.ACCURACY.
    `test_exact` is 1 − test_error where there is one answer.
    `examples_seen`, `flops_spent` and `seconds` count up to that point, `train_flops` counts all steps.
    Raises: ValueError: for another `at` or `by`.
    """
    # The tables keep them unsigned; a difference of unsigned numbers wraps around in pandas.
    sizes = ", ".join(f"{name}::BIGINT AS {name}" for name in _SIZES)
    metrics = ", ".join(f"{name}[point]::DOUBLE AS {name}" for name in METRICS)
    sql = f"""
        {_FOUND}, points AS (SELECT *, {_point(at, by)} AS point FROM found),
        read AS (
            SELECT * REPLACE (
                coalesce(step[point], 0)::BIGINT AS step,
                if(point = len(step), seconds, point_seconds[point]) AS seconds,
                {metrics}
            ) FROM points
        )
        SELECT key, arch, dataset, {sizes}, train_flops, seconds, state, error,
               step, wanted.steps, {_SPENT}, {_METRICS}, {_ACCURACY}
        FROM read JOIN wanted USING (key) ORDER BY place
    """
    return _ask(db, runs, sql)


def eval_steps(db: Database, runs: Sequence[RunSpec]) -> list[int]:
    """Return every step at which any of `runs` was evaluated, rising."""
    found = _ask(db, runs, f"{_FOUND} SELECT DISTINCT unnest(step)::BIGINT AS step FROM found ORDER BY step")
    return [int(step) for step in found["step"]]


def curves(db: Database, runs: Sequence[RunSpec]) -> pd.DataFrame:
    """Return one row per run and eval point: key, width, seed, step, the cost up to it, and the metrics.

    `seconds` are NaN where only those of the whole run were measured.
    """
    metrics = ", ".join(f"unnest({name})::DOUBLE AS {name}" for name in METRICS)
    sql = f"""
        {_FOUND}, points AS (
            SELECT key, width::BIGINT AS width, seed::BIGINT AS seed, train_flops, unnest(step)::BIGINT AS step,
                   unnest(point_seconds) AS seconds, {metrics}
            FROM found
        )
        SELECT key, width, seed, step, {_SPENT}, seconds,
               {_METRICS}, {_ACCURACY}
        FROM points JOIN wanted USING (key) ORDER BY place, step
    """
    return _ask(db, runs, sql)


def predictions(db: Database, runs: Sequence[RunSpec]) -> dict[str, dict[str, np.ndarray]]:
    """Return by key what each of `runs` in the tables answered to its test set at its end; runs without are left out.

    `outputs`: float16 (examples, outputs), in the order of the test split. Where the loss is cross-entropy they are the
    probabilities of the classes, or where these are very many, of the answer alone (examples, 1), and `answers`
    (examples,) are the classes of highest probability; for sequences both have one more axis, (examples, answers, …).
    Results that ship, older ones, and those beyond SCALESCOPE_PREDICTIONS have none. Whoever asks ingests first.
    """
    with db.reading() as con:
        con.register("wanted", keyed(run.key for run in runs))
        return {key: unpacked(npz) for key, npz in con.execute(_PREDICTIONS).fetchall()}


def weights(db: Database, key: str) -> dict[str, np.ndarray] | None:
    """Return the parameters by name, float32, that the run `key` in the tables had at its end; None where it has none.

    Whoever asks ingests first.
    """
    if not re.fullmatch("[0-9a-f]{32}", key):
        return None
    with db.reading() as con:
        con.register("wanted", keyed([key]))
        found = con.execute(_WEIGHTS).fetchall()
    return unpacked(found[0][0]) if found else None


def progress(db: Database, runs: Sequence[RunSpec]) -> pd.DataFrame:
    """Return key, state, share of steps (1 where the run is done) and seconds of each run that has begun."""
    sql = f"""
        {_FOUND}
        SELECT key, state, seconds,
               CASE WHEN state IN {DONE} THEN 1.0 ELSE coalesce(step[-1], 0) / wanted.steps END AS share
        FROM found JOIN wanted USING (key) ORDER BY place
    """
    return _ask(db, runs, sql)


def _ask(db: Database, runs: Sequence[RunSpec], sql: str) -> pd.DataFrame:
    wanted = {run.key: run for run in runs}
    pending = pending_rows(db)
    pending = pending.filter(pc.is_in(pending["key"], pa.array(wanted, pa.string())))
    with db.reading() as con:
        con.register("wanted", _wanted(list(wanted.values())))
        con.register("pending", pending)
        return con.execute(sql).df()


def _wanted(runs: Sequence[RunSpec]) -> pa.Table:
    """Return a row per run that is asked for, with what its own row does not say."""
    columns = {
        "key": pa.array([run.key for run in runs], pa.string()),
        "head": heads(run.key for run in runs),
        "steps": pa.array([run.steps for run in runs], pa.int64()),
        "batch": pa.array([run.batch for run in runs], pa.int64()),
        "one_answer": pa.array([run.task.loss == "cross-entropy" for run in runs], pa.bool_()),
        "place": pa.array(range(len(runs)), pa.int64()),
    }
    return pa.table(columns)


def _point(at: str | int, by: str) -> str:
    if by not in ("loss", "error"):
        raise ValueError(_("by={by} is not possible; allowed: loss or error.", by=by))
    if at in ("last", "best"):
        return _POINT[str(at)].format(by=by)
    if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < 2**32:
        raise ValueError(_("at={at} is not possible; allowed: last, best or a step from 0.", at=at))
    return _POINT["step"].format(at=at)
