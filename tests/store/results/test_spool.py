"""Results on their way into the tables: safe, in any order, past any rubbish."""

import json
import math
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import ENGINE_VERSION
from store.db.connection import Database
from store.db.errors import StoreError
from store.home import open_database
from store.results import queries, runs
from store.results.spool import STALE, Spool, ingest, live_results, pending
from tests.store.fakes import RUNS, as_json, event, result, start


def _all_rows(db: Database) -> list[tuple[Any, ...]]:
    with db.reading() as con:
        found = con.execute("SELECT * EXCLUDE (run_id) FROM runs JOIN curves USING (run_id) ORDER BY key").fetchall()
    return [tuple(row) for row in found]


def _state(db: Database, place: int = 0) -> str:
    return str(queries.runs_at(db, [RUNS[place]])["state"].iloc[0])


def _waiting(db: Database) -> list[Path]:
    return sorted(path for path in db.spool.iterdir() if path.is_file())


def test_what_was_put_is_found_before_and_after_ingest(db: Database) -> None:
    put = [result(RUNS[0]), result(RUNS[1], RunState.DIVERGED)]
    Spool(db, "w").put(put)
    before = queries.curves(db, RUNS)
    assert ingest(db) == 2
    assert _waiting(db) == []
    assert before.equals(queries.curves(db, RUNS))
    for row, one in zip(_all_rows(db), sorted(put, key=lambda one: one.spec.key), strict=True):
        names = [name for name in METRICS if name != "test_exact"]
        values = [v if math.isfinite(v) else None for name in [*names, "test_exact"] for v in one.metrics[name]]
        *measured, seconds, exact = row[-len(METRICS) - 1 :]
        assert [v for column in (*measured, exact) for v in column] == values
        assert tuple(seconds) == one.point_seconds


def test_ingest_twice_is_ingest_once(db: Database) -> None:
    Spool(db, "w").put([result(run) for run in RUNS])
    copies = {path: path.read_bytes() for path in _waiting(db)}
    ingest(db)
    first = _all_rows(db)
    for path, data in copies.items():  # as after a kill between commit and unlink
        path.write_bytes(data)
    assert ingest(db) == 0
    assert _all_rows(db) == first
    assert _waiting(db) == []


@pytest.mark.parametrize(
    ("together", "reverse"),
    [(True, True), (False, True), *(pytest.param(t, False, marks=pytest.mark.long) for t in (True, False))],
)
def test_the_order_of_files_does_not_matter(db: Database, together: bool, reverse: bool) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[0], RunState.FAILED, 0, error="old")])
    worker.put([result(RUNS[0]), result(RUNS[1], RunState.FAILED, 0, error="old")])
    worker.put([result(RUNS[0], RunState.FAILED, 0, error="new"), result(RUNS[1], RunState.FAILED, 2, error="new")])
    files = {path.name: path.read_bytes() for path in _waiting(db)}
    assert len(files) == 3
    for path in _waiting(db):
        path.unlink()
    for name, data in sorted(files.items(), reverse=reverse):
        (db.spool / name).write_bytes(data)
        if not together:
            ingest(db)
    ingest(db)
    found = queries.runs_at(db, RUNS)
    assert list(found["state"]) == ["finished", "failed"]
    assert list(found["error"]) == ["", "new"]
    assert list(found["step"]) == [40, 10]


def test_a_done_run_never_changes(db: Database) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[0], seconds=1.0)])
    ingest(db)
    before = _all_rows(db)
    for state in (RunState.FINISHED, RunState.DIVERGED, RunState.FAILED):
        worker.put([result(RUNS[0], state, 3, seconds=2.0)])
        assert ingest(db) == 0
    assert _all_rows(db) == before


def test_a_failed_run_is_replaced_by_a_later_result(db: Database) -> None:
    worker = Spool(db, "w")
    for state in (RunState.FAILED, RunState.FAILED, RunState.FINISHED):
        worker.put([result(RUNS[0], state)])
        assert ingest(db) == 1
        assert _state(db) == state
    assert len(_all_rows(db)) == 1


def test_a_run_still_in_training_is_not_put(db: Database) -> None:
    with pytest.raises(ValueError, match="state=running is not possible"):
        Spool(db, "w").put([result(RUNS[0], RunState.RUNNING)])


def test_lists_that_do_not_fit_are_not_put(db: Database) -> None:
    broken = RunResult(spec=RUNS[0], state=RunState.FINISHED, steps=(0, 1), metrics=result(RUNS[0]).metrics)
    with pytest.raises(ValueError, match="train_loss has 5 values for 2 steps"):
        Spool(db, "w").put([broken])
    assert _waiting(db) == []


def test_an_empty_put_leaves_no_file(db: Database) -> None:
    Spool(db, "w").put([])
    assert _waiting(db) == []


def _file(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Return what writes a sound file of format 1, changed by `change`, to a path."""

    def write(path: Path) -> None:
        data = {"format": 1, "engine_version": ENGINE_VERSION, "created": 10**15, "results": [as_json(result(RUNS[1]))]}
        change(data)
        path.write_text(json.dumps(data))

    return write


def _row(**changes: object) -> Callable[[Path], object]:
    return _file(lambda data: data["results"][0].update(changes))


RUBBISH: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda p: p.write_text("hello"), "not JSON"),
    "empty": (lambda p: p.write_text(""), "not JSON"),
    "bytes": (lambda p: p.write_bytes(os.urandom(200)), "not JSON"),
    "half": (lambda p: (_row()(p), p.write_text(p.read_text()[:-40])), "not JSON"),
    "deep": (lambda p: p.write_text("[" * 100_000), "recursion"),
    "list": (lambda p: p.write_text("[]"), "format"),
    "folder": (lambda p: p.mkdir(), "plain file"),
    "pipe": (lambda p: os.mkfifo(p), "plain file"),
    "link": (lambda p: p.symlink_to("/nowhere"), "plain file"),
    "other format": (_file(lambda data: data.update(format=2)), "format"),
    "other engine": (_file(lambda data: data.update(engine_version=99)), "engine_version=99"),
    "no date": (_file(lambda data: data.update(created=None)), "created"),
    "no results": (_file(lambda data: data.pop("results")), "results"),
    "result is text": (_file(lambda data: data.update(results=["x"])), "not an object"),
    "other key": (_row(key="0" * 32), "does not belong"),
    "other setting": (_file(lambda data: data["results"][0]["config"].update(width=5)), "does not belong"),
    "bad setting": (_file(lambda data: data["results"][0]["config"].update(width=0)), "width=0"),
    "unknown setting": (_file(lambda data: data["results"][0]["config"].update(magic=1)), "magic"),
    "vast setting": (_file(lambda data: data["results"][0]["config"].update(width=10**400)), "too large"),
    "no config": (_row(config=None), "config"),
    "short list": (_row(val_loss=[1.0]), "val_loss has 1 values for 5 steps"),
    "text in a list": (_row(val_loss=["a", 1, 1, 1, 1]), "no number"),
    "few seconds": (_row(point_seconds=[0.0]), "point_seconds has 1 values for 5 steps"),
    "negative seconds": (_row(point_seconds=[-1, 0, 1, 2, 3]), "no number from 0"),
    "no list": (_row(step=3), "step is not a list"),
    "falling steps": (_row(step=[0, 20, 10, 30, 40]), "rising"),
    "negative step": (_row(step=[-1, 0, 1, 2, 3]), "rising"),
    "unknown state": (_row(state="great"), "great"),
    "negative params": (_row(params=-1), "params"),
    "endless seconds": (_row(seconds=math.inf), "seconds"),
    "error is a number": (_row(error=5), "error is not text"),
}


def test_rubbish_is_set_aside_with_the_reason_and_blocks_nothing(db: Database) -> None:
    for kind, (make, _) in RUBBISH.items():
        make(db.spool / f"{kind}.json")
    Spool(db, "w").put([result(RUNS[0])])
    assert len(pending(db)) == 1
    assert ingest(db) == 1
    for kind, (_, reason) in RUBBISH.items():
        aside = db.rejected / f"{kind}.json"
        assert aside.exists() or aside.is_symlink(), kind
        text = (db.rejected / f"{kind}.json.txt").read_text()
        assert reason in text, kind
        assert text.count("\n") == 1, kind
    assert ingest(db) == 0


def test_rubbish_of_one_name_is_all_kept(db: Database) -> None:
    for text in ("one", "two"):
        (db.spool / "same.json").write_text(text)
        ingest(db)
    assert {p.read_text() for p in db.rejected.glob("*.json")} == {"one", "two"}


def test_a_fresh_draft_is_left_alone_and_an_old_one_is_cleared(db: Database) -> None:
    draft = db.spool / "1.json.tmp"
    draft.write_text("{")
    ingest(db)
    assert draft.exists()
    then = time.time() - STALE - 1
    os.utime(draft, (then, then))
    ingest(db)
    assert not draft.exists()


def test_a_run_is_settled_by_a_result_or_a_failure_in_the_tables_or_the_spool(db: Database) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[0]), result(RUNS[1], RunState.FAILED)])
    ingest(db)
    worker.put([result(RUNS[3], RunState.DIVERGED)])
    worker.show([result(RUNS[4], RunState.RUNNING)])
    assert worker.unsettled(RUNS[:5]) == [RUNS[2], RUNS[4]]
    assert len(_waiting(db)) == 1


def test_live_results_are_those_shown_last(db: Database) -> None:
    one, other = Spool(db, "one"), Spool(db, "other")
    one.show([result(RUNS[0], RunState.RUNNING, 2)])
    other.show([result(RUNS[1], RunState.RUNNING, 1)])
    one.show([result(RUNS[0], RunState.RUNNING, 3), result(RUNS[2], RunState.RUNNING, 1)])
    assert [(r.spec, len(r.steps)) for r in live_results(db)] == [(RUNS[0], 3), (RUNS[2], 1), (RUNS[1], 1)]
    one.show([])
    assert [r.spec for r in live_results(db)] == [RUNS[1]]
    other.close()
    assert live_results(db) == []


def _show_and_wait(home: Path, shown: Any) -> None:
    worker = Spool(open_database(home), "w")
    worker.show([result(RUNS[0], RunState.RUNNING)])
    shown.set()
    signal.pause()


def test_live_results_of_a_dead_worker_are_ignored_and_removed(db: Database) -> None:
    shown = event()
    process = start(_show_and_wait, db.home, shown)
    shown.wait()
    assert [r.spec for r in live_results(db)] == [RUNS[0]]
    process.kill()
    process.join()
    assert live_results(db) == []
    assert queries.runs_at(db, RUNS).empty
    ingest(db)
    assert list(db.live.iterdir()) == []


def test_two_living_workers_cannot_have_one_name(db: Database) -> None:
    first = Spool(db, "w")
    with pytest.raises(StoreError, match="A worker called w is already at work"):
        Spool(db, "w")
    first.close()
    Spool(db, "w").close()


@pytest.mark.parametrize("name", ["", "../w", "a/b", ".hidden", "x" * 81])
def test_a_worker_name_must_be_a_file_name(db: Database, name: str) -> None:
    with pytest.raises(ValueError, match="worker="):
        Spool(db, name)


def test_rubbish_among_live_files_is_ignored(db: Database) -> None:
    worker = Spool(db, "w")
    worker.show([result(RUNS[0], RunState.RUNNING)])
    (db.live / "w.arrow").write_text("{")
    (db.live / "stray.arrow").write_text("{}")
    assert live_results(db) == []


def _fill_the_disk(home: Path, outcome: Any) -> None:
    db = open_database(home)
    worker = Spool(db, "full")
    before = _waiting(db)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    for attempt in (lambda: ingest(db), lambda: worker.put([result(RUNS[0], points=2000)])):
        with pytest.raises(StoreError, match="is full: nothing was lost; free some space"):
            attempt()
    assert _waiting(db) == before
    outcome.set()


def test_a_full_disk_loses_nothing_and_says_so(db: Database) -> None:
    Spool(db, "w").put([result(run, points=300) for run in RUNS])
    fine = event()
    start(_fill_the_disk, db.home, fine).join()
    assert fine.is_set()
    assert len(_waiting(db)) == 1
    assert runs.missing(db, RUNS) == []
