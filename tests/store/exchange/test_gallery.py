"""The gallery: written from a store, read into a fresh one, once."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.spec import run
from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.exchange.gallery import export_gallery
from store.home import open_database
from store.library import sweeps
from store.results import queries, rows, runs
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, SWEEP, as_json, listed, result

FACTS: dict[str, object] = {"title": "Double descent", "machine": "2 cores", "seconds": 21.5, "made": "2026-01-01"}


@pytest.fixture
def gallery(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one sweep of nine runs, two of them diverged."""
    states = [RunState.DIVERGED] * 2 + [RunState.FINISHED] * 7
    Spool(db, "w").put([result(run, state) for run, state in zip(RUNS, states, strict=True)])
    folder = tmp_path / "gallery"
    folder.mkdir()
    ingest(db)
    export_gallery(db, SWEEP, folder, "first", FACTS)
    monkeypatch.setattr("store.exchange.gallery.GALLERY", folder)
    return folder


def test_a_fresh_home_has_what_the_gallery_holds(db: Database, gallery: Path, tmp_path: Path) -> None:
    fresh = open_database(tmp_path / "fresh")
    assert queries.curves(fresh, RUNS).equals(queries.curves(db, RUNS))
    assert queries.runs_at(fresh, RUNS, "best").equals(queries.runs_at(db, RUNS, "best"))
    assert runs.missing(fresh, RUNS) == []
    assert list(listed(fresh)["name"]) == ["Double descent"]
    assert sweeps.load_sweep(fresh, SWEEP.key) == SWEEP


def test_the_files_can_be_read_by_others(gallery: Path) -> None:
    facts = json.loads((gallery / "first.json").read_text())
    assert facts["machine"] == "2 cores"
    assert facts["settings"]["width"] == [4, 8, 512]
    table = pq.read_table(gallery / "first.parquet")
    assert table.num_rows == len(RUNS)
    assert json.loads(table["config"][0].as_py())["label_noise"] == 0.2


def test_what_ships_is_read_once(gallery: Path, tmp_path: Path) -> None:
    fresh = open_database(tmp_path / "fresh")
    sweeps.rename_sweep(fresh, SWEEP.key, "mine")
    before = fresh.generation()
    assert open_database(fresh.home).generation() == before
    shutil.copy(gallery / "first.parquet", gallery / "copy.parquet")
    shutil.copy(gallery / "first.json", gallery / "copy.json")
    assert list(listed(open_database(fresh.home))["name"]) == ["mine"]


def test_a_home_with_runs_of_its_own_keeps_them(db: Database, gallery: Path) -> None:
    before = queries.runs_at(db, RUNS)
    assert queries.runs_at(open_database(db.home), RUNS).equals(before)
    assert list(listed(db)["name"]) == ["Double descent"]


def test_runs_of_another_engine_version_stay_out(
    gallery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "ENGINE_VERSION", 99)
    fresh = open_database(tmp_path / "fresh")
    again = SweepSpec.of(dict(SWEEP.settings))
    assert runs.missing(fresh, again.runs()) == list(again.runs())
    assert listed(fresh).empty


@pytest.mark.parametrize("ending", ["parquet", "json"])
def test_a_damaged_file_keeps_nobody_out(
    gallery: Path, tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    (gallery / f"first.{ending}").write_text("{}")
    assert listed(open_database(tmp_path / "fresh")).empty
    assert "first.parquet cannot be read" in caplog.text


def test_half_a_sweep_is_not_exported(db: Database, tmp_path: Path) -> None:
    Spool(db, "w").put([result(RUNS[0]), result(RUNS[1], RunState.FAILED)])
    ingest(db)
    with pytest.raises(StoreError, match="Only 1 of 9 runs have a result: train the others first"):
        export_gallery(db, SWEEP, tmp_path, "half", FACTS)


def test_a_row_is_the_result_again() -> None:
    made = result(RUNS[0])
    assert rows.from_row(json.loads(json.dumps(as_json(made)))) == made
