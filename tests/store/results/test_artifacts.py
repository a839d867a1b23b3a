"""What runs leave behind: there with the result or not at all, bounded, past any rubbish."""

import io
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from engine.spec.result import RunResult, RunState
from engine.spec.run import ENGINE_VERSION, RunSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.home import open_database
from store.results import artifacts, queries, runs
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, as_json, event, result, start


def npz(run: RunSpec, examples: int = 20) -> bytes:
    """Return made-up predictions of a run, as a file."""
    file = io.BytesIO()
    answers = np.arange(examples, dtype=np.int16) + run.seed
    np.savez(file, answers=answers, outputs=np.full((examples, 2), run.width, dtype=np.float16))
    return file.getvalue()


def _left(run: RunSpec, **rest: Any) -> RunResult:
    return result(run, predictions=npz(run), **rest)


def _files(db: Database) -> list[Path]:
    return sorted(db.outcomes.iterdir())


def test_predictions_are_found_by_run_as_they_were_put(db: Database) -> None:
    Spool(db, "w").put([_left(run) for run in RUNS[:3]])
    assert len(_files(db)) == 1
    ingest(db)
    found = queries.predictions(db, RUNS[1:])
    assert _files(db) == []
    assert set(found) == {RUNS[1].key, RUNS[2].key}
    for run in RUNS[1:3]:
        np.testing.assert_array_equal(found[run.key]["answers"], np.arange(20) + run.seed)
        assert found[run.key]["outputs"].dtype == np.float16
        assert (found[run.key]["outputs"] == run.width).all()
    assert queries.predictions(db, []) == {}


def test_runs_without_predictions_are_left_out(db: Database) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[0])])
    assert _files(db) == []
    worker.put([_left(RUNS[1]), result(RUNS[2], RunState.DIVERGED), result(RUNS[3], RunState.FAILED)])
    ingest(db)
    assert set(queries.predictions(db, RUNS)) == {RUNS[1].key}


def test_a_result_file_from_before_there_were_predictions_is_taken(db: Database) -> None:
    row = as_json(result(RUNS[0]))
    del row["point_seconds"]
    data = {"format": 1, "engine_version": ENGINE_VERSION, "created": 10**15, "results": [row]}
    (db.spool / "1-old.json").write_text(json.dumps(data))
    assert ingest(db) == 1
    assert queries.predictions(db, RUNS) == {}
    assert runs.missing(db, RUNS[:1]) == []


def test_ingest_twice_is_ingest_once(db: Database) -> None:
    Spool(db, "w").put([_left(RUNS[0])])
    copies = {path: path.read_bytes() for path in [*_files(db), *db.spool.glob("*.arrow")]}
    ingest(db)
    for path, data in copies.items():  # as after a kill between commit and unlink
        path.write_bytes(data)
    assert ingest(db) == 0
    assert set(queries.predictions(db, RUNS)) == {RUNS[0].key}
    assert _files(db) == []


def test_a_run_that_is_named_twice_is_kept_once(db: Database) -> None:
    Spool(db, "w").put([_left(RUNS[0]), _left(RUNS[0])])
    assert ingest(db) == 1
    assert set(queries.predictions(db, RUNS)) == {RUNS[0].key}


def test_a_failed_run_that_trains_again_leaves_its_predictions(db: Database) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[0], RunState.FAILED)])
    worker.put([_left(RUNS[0])])
    ingest(db)
    assert set(queries.predictions(db, RUNS)) == {RUNS[0].key}


def test_what_a_killed_writer_left_without_results_is_removed_in_time(db: Database) -> None:
    worker = Spool(db, "w")
    artifacts.write(db.outcomes / "1-a.arrow", [_left(RUNS[0])])
    artifacts.write(db.outcomes / "2-b.arrow", [_left(RUNS[1])])
    (db.outcomes / "3-c.arrow.tmp").write_bytes(b"half")
    (db.outcomes / "folder").mkdir()
    then = time.time() - artifacts.ORPHANED - 1
    for name in ("1-a.arrow", "3-c.arrow.tmp", "folder"):
        os.utime(db.outcomes / name, (then, then))
    worker.put([result(RUNS[2])])
    ingest(db)
    assert len(_files(db)) == 4  # while a worker lives, it may be about to put their results
    worker.put([result(RUNS[3])])
    worker.close()
    ingest(db)
    assert set(queries.predictions(db, RUNS)) == set()
    assert [path.name for path in _files(db)] == ["2-b.arrow", "folder"]


@pytest.mark.parametrize("kind", ["noise", "cut short", "other columns", "folder"])
def test_what_cannot_be_read_is_set_aside_and_costs_no_result(db: Database, kind: str) -> None:
    Spool(db, "w").put([_left(run) for run in RUNS])
    (path,) = _files(db)
    whole = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "other columns":
        with pa.ipc.new_file(path, schema=pa.schema([("key", pa.string())])):
            pass
    else:
        path.write_bytes(os.urandom(500) if kind == "noise" else whole[:-100])
    assert ingest(db) == len(RUNS)
    assert queries.predictions(db, RUNS) == {}
    assert (db.rejected / path.name).exists()
    assert (db.rejected / f"{path.name}.txt").read_text().count("\n") == 1


def test_predictions_are_kept_up_to_a_limit_and_results_beyond_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, size = Spool(db, "w"), len(npz(RUNS[0]))
    monkeypatch.setenv("SCALESCOPE_PREDICTIONS", str(3.5 * size / 2**30))
    worker.put([_left(run) for run in RUNS[:2]])
    ingest(db)
    worker.put([_left(run) for run in RUNS[2:5]])
    ingest(db)
    assert len(queries.predictions(db, RUNS)) == 3
    assert runs.missing(db, RUNS) == list(RUNS[5:])
    monkeypatch.setenv("SCALESCOPE_PREDICTIONS", "0")
    worker.put([_left(run) for run in RUNS[5:]])
    assert _files(db) == []
    ingest(db)
    assert len(queries.predictions(db, RUNS)) == 3
    assert runs.missing(db, RUNS) == []


@pytest.mark.parametrize("value", ["off", "-1", "nan", "inf"])
def test_a_limit_that_is_none_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SCALESCOPE_PREDICTIONS", value)
    with pytest.raises(StoreError, match=f"SCALESCOPE_PREDICTIONS={value} is not possible; allowed: a number of GiB"):
        open_database(tmp_path)


def test_many_runs_are_put_into_the_tables_batch_by_batch(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "BATCH_BYTES", 2 * len(npz(RUNS[0])))
    Spool(db, "w").put([_left(run) for run in RUNS])
    with pa.ipc.open_file(_files(db)[0].read_bytes()) as file:
        assert [file.get_batch(place).num_rows for place in range(file.num_record_batches)] == [2, 2, 2, 2, 1]
    ingest(db)
    assert set(queries.predictions(db, RUNS)) == {run.key for run in RUNS}


def test_weights_are_found_by_key_and_kept_beyond_the_limit_of_predictions(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Spool(db, "w")
    for limit, run in (("2", RUNS[0]), ("1e-9", RUNS[1]), ("0", RUNS[2])):
        monkeypatch.setenv("SCALESCOPE_PREDICTIONS", limit)
        worker.put([_left(run, weights=npz(run, 5)), result(RUNS[3])])
        ingest(db)
    assert set(queries.predictions(db, RUNS)) == {RUNS[0].key}
    for run in RUNS[:3]:
        found = queries.weights(db, run.key)
        assert found is not None
        np.testing.assert_array_equal(found["answers"], np.arange(5) + run.seed)
    assert queries.weights(db, RUNS[3].key) is None
    assert queries.weights(db, "nothing") is None


def _fill_the_disk(home: Path, outcome: Any) -> None:
    db = open_database(home)
    worker = Spool(db, "full")
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    large = result(RUNS[0], predictions=npz(RUNS[0], 3000))
    for attempt in (large, result(RUNS[0], points=2000, predictions=npz(RUNS[0]))):
        with pytest.raises(StoreError, match="is full: nothing was lost; free some space"):
            worker.put([attempt])
        assert _files(db) == []
        assert list(db.spool.glob("*.json*")) == []
    outcome.set()


def test_a_full_disk_leaves_no_half(db: Database) -> None:
    fine = event()
    start(_fill_the_disk, db.home, fine).join()
    assert fine.is_set()
