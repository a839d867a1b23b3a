"""Plain tables for other programs: what they hold is what the store holds."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from store.commands.main import main
from store.db.connection import Database
from store.exchange import tables
from store.results.spool import Spool
from tests.store.fakes import RUNS, result


@pytest.fixture
def db_with_runs(db: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("SCALESCOPE_HOME", str(db.home))
    Spool(db, "w").put([result(run) for run in RUNS])
    return db


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_row_per_eval_point_with_every_setting(db_with_runs: Database, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"out.{suffix}"
    assert main(["export", str(file)]) == 0
    found = pd.read_csv(file) if suffix == "csv" else pq.read_table(file).to_pandas()
    assert len(found) == 5 * len(RUNS)
    for run in RUNS:
        own = found[found["key"] == run.key]
        made = result(run)
        assert list(own["step"]) == list(made.steps)
        assert list(own["test_loss"]) == list(made.metrics["test_loss"])
        for name, value in run.flat().items():
            assert set(own[name]) == {value}, name


def test_json_has_an_object_per_run(db_with_runs: Database, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    assert main(["export", str(file)]) == 0
    found = {one["key"]: one for one in json.loads(file.read_text())}
    for run in RUNS:
        assert found[run.key]["config"] == run.flat()
        assert found[run.key]["test_loss"] == list(result(run).metrics["test_loss"])


def test_no_runs_make_an_empty_table(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(db.home))
    for suffix in tables.WRITERS:
        assert main(["export", str(tmp_path / f"out{suffix}")]) == 0
        assert main(["export", str(tmp_path / f"out{suffix}")]) == 2
