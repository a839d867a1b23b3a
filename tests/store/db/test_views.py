"""What the stock DuckDB reads of the store: the views `results` and `points`, opened read-only by default settings."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.spec.result import METRICS, RunState
from engine.spec.run import RunSpec
from store.db import backup, instance
from store.db.connection import Database
from store.db.errors import StoreError
from store.library import listing
from store.results import queries
from store.results.spool import Spool, ingest
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
    backup.backup(filled, tmp_path / "copy.duckdb")
    backup.vacuum(filled)
    for file in (tmp_path / "copy.duckdb", filled.file):
        assert (ask(file, "FROM results ORDER BY key"), ask(file, "FROM points ORDER BY key, step")) == before


def test_while_another_program_reads_ours_reads_too_and_what_ends_meanwhile_waits(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance, "FOREIGN_WAIT", 0.2)
    code = (
        "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(len(con.execute('FROM results').fetchall()), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(filled.file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdin
        assert reader.stdout
        assert reader.stdout.readline() == "12\n"
        assert listing.page(filled).total == 2
        extra = RunSpec(width=99, steps=100)
        Spool(filled, "late").put([result(extra)])
        with pytest.raises(StoreError, match=r"Another program has .* open"):
            ingest(filled)
        reader.stdin.close()
    ingest(filled)
    assert ask(filled.file, f"SELECT state FROM results WHERE key = '{extra.key}'") == [("finished",)]
