"""What the stock DuckDB reads of the store: the views `results` and `points`, opened read-only by default settings."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.spec import METRICS, RunState
from store import copies, queries
from store.database import Database, open_database
from store.spool import Spool, ingest
from tests.store.fakes import RUNS, SWEEP, result
from tests.store.shelves import OTHER


def ask(file: Path, sql: str) -> list[Any]:
    with duckdb.connect(str(file), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_results_have_a_row_per_run_with_its_settings_and_last_metrics(filled: Database) -> None:
    runs = list(dict.fromkeys((*RUNS, *OTHER.runs())))
    ours = queries.runs_at(filled, runs).set_index("key")
    columns = ("width", "seed", "params", "label_noise", "lr", "steps", "optimizer", "step", "test_error", "train_loss")
    rows = ask(filled.file, f"SELECT key, {', '.join(columns)} FROM results")
    assert {row[0] for row in rows} == {run.key for run in runs}
    settings = {run.key: run.flat() for run in runs}
    for key, *values in rows:
        expected = settings[key] | ours.loc[key].to_dict()
        assert values == [expected[name] for name in columns]


def test_points_have_a_row_per_eval_point(filled: Database) -> None:
    ours = queries.curves(filled, RUNS[:1])
    measured = [name for name in METRICS if name != "test_exact"]
    rows = ask(filled.file, f"SELECT step, {', '.join(measured)} FROM points WHERE key = '{RUNS[0].key}' ORDER BY step")
    assert rows == list(ours[["step", *measured]].itertuples(index=False, name=None))


def test_a_failed_run_has_its_reason_and_no_metrics(db: Database) -> None:
    Spool(db, "w").put([result(RUNS[0], RunState.FAILED, points=0, error="Out of memory.")])
    ingest(db)
    assert ask(db.file, "SELECT state, error, step, test_loss FROM results") == [
        ("failed", "Out of memory.", None, None)
    ]
    assert ask(db.file, "FROM points") == []


def test_a_sweep_s_runs_are_found_by_its_name(filled: Database) -> None:
    named = "SELECT key FROM sweep_runs JOIN sweeps USING (sweep_id) WHERE name = 'noisy digits'"
    rows = ask(filled.file, f"SELECT key FROM results WHERE key IN ({named})")
    assert {key for (key,) in rows} == {run.key for run in SWEEP.runs()}


def test_the_views_are_in_a_backup_and_outlive_a_vacuum(filled: Database, tmp_path: Path) -> None:
    before = ask(filled.file, "FROM results ORDER BY key"), ask(filled.file, "FROM points ORDER BY key, step")
    copies.backup(filled, tmp_path / "copy.duckdb")
    copies.vacuum(filled)
    for file in (tmp_path / "copy.duckdb", filled.file):
        assert (ask(file, "FROM results ORDER BY key"), ask(file, "FROM points ORDER BY key, step")) == before


def test_a_reader_from_elsewhere_cannot_write_and_does_not_stop_ours(filled: Database) -> None:
    with duckdb.connect(str(filled.file), read_only=True) as con, pytest.raises(duckdb.Error, match="read-only"):
        con.execute("DELETE FROM runs")
    # In another process it would be the same: readers share the file.
    assert open_database(filled.home).generation() == filled.generation()
