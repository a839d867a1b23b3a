"""A clock that jumps: nothing is lost, nothing of a living writer is cleared away, a done result stays."""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.spec.result import RunResult, RunState
from store.db.connection import Database
from store.home import open_database
from store.library import catalog, sweeps
from store.results import artifacts, queries, runs
from store.results.spool import Spool, ingest, live_results
from tests.store.fakes import RUNS, SWEEP, result

JUMPS = {"a day back": -timedelta(days=1), "a year on": timedelta(days=365)}
Jump = Callable[[timedelta], None]


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Jump:
    """Sets the clock by so much from now on; clocks that only rise do not see it."""
    seconds, nanoseconds = time.time, time.time_ns

    def set_clock(by: timedelta) -> None:
        monkeypatch.setattr(time, "time", lambda: seconds() + by.total_seconds())
        monkeypatch.setattr(time, "time_ns", lambda: nanoseconds() + int(by.total_seconds()) * 10**9)

    return set_clock


@pytest.mark.parametrize("by", JUMPS)
def test_a_jump_between_put_and_ingest_loses_nothing(db: Database, jump: Jump, by: str) -> None:
    worker = Spool(db, "w")
    worker.put([result(run, predictions=b"kept") for run in RUNS[:3]])
    worker.show([result(RUNS[5], RunState.RUNNING)])
    jump(JUMPS[by])
    assert [one.spec for one in live_results(db)] == [RUNS[5]]
    worker.put([result(run, predictions=b"kept") for run in RUNS[3:5]])
    assert ingest(open_database(db.home)) == 5
    assert runs.missing(db, RUNS) == list(RUNS[5:])
    with db.reading() as con:
        assert con.execute("SELECT predictions FROM outcomes").fetchall() == [(b"kept",)] * 5


@pytest.mark.parametrize(
    ("by", "place"),
    [
        ("a day back", "spool"),
        ("a year on", "outcomes"),
        pytest.param("a day back", "outcomes", marks=pytest.mark.long),
        pytest.param("a year on", "spool", marks=pytest.mark.long),
    ],
)
def test_a_jump_while_a_worker_writes_leaves_its_draft_alone(
    db: Database, jump: Jump, by: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Spool(db, "other").put([result(RUNS[1])])
    worker, replace, seen = Spool(db, "w"), Path.replace, list[Path]()

    def looked_at(draft: Path, path: Path) -> Path:
        if path.parent.name == place and not seen:
            seen.append(draft)
            jump(JUMPS[by])
            ingest(db)  # as another process would, just now
        return replace(draft, path)

    monkeypatch.setattr(Path, "replace", looked_at)
    worker.put([result(RUNS[0], predictions=b"kept")])
    assert len(seen) == 1
    ingest(db)
    assert runs.missing(db, RUNS[:2]) == []
    assert list(db.rejected.iterdir()) == []
    with db.reading() as con:
        assert con.execute("SELECT predictions FROM outcomes").fetchall() == [(b"kept",)]


@pytest.mark.parametrize("by", JUMPS)
def test_predictions_that_wait_for_their_result_outlive_a_jump(
    db: Database, jump: Jump, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two files of a put, an ingest clears what no result came with."""
    Spool(db, "other").put([result(RUNS[1])])
    worker, write = Spool(db, "w"), artifacts.write

    def then_ingest(path: Path, results: Iterable[RunResult]) -> None:
        write(path, results)
        jump(JUMPS[by])
        ingest(db)

    monkeypatch.setattr(artifacts, "write", then_ingest)
    worker.put([result(RUNS[0], predictions=b"kept")])
    ingest(db)
    with db.reading() as con:
        assert con.execute("SELECT predictions FROM outcomes").fetchall() == [(b"kept",)]


@pytest.mark.parametrize("by", JUMPS)
def test_a_draft_is_cleared_once_its_writer_is_gone(db: Database, jump: Jump, by: str) -> None:
    worker = Spool(db, "w")
    (db.spool / "1.tmp").write_text("half")
    jump(JUMPS[by])
    ingest(db)
    assert (db.spool / "1.tmp").exists()
    worker.close()
    ingest(db)
    assert not (db.spool / "1.tmp").exists()


@pytest.mark.parametrize("by", JUMPS)
def test_a_done_result_stands_and_a_retry_replaces_a_failure_whatever_the_clock_says(
    db: Database, jump: Jump, by: str
) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[0], seconds=1.0), result(RUNS[1], RunState.FAILED, error="first")])
    worker.put([result(RUNS[2], RunState.FAILED, error="first")])
    ingest(db)
    jump(JUMPS[by])
    worker.put([result(RUNS[0], RunState.FAILED, error="later"), result(RUNS[1])])
    runs.forget_failed(db, RUNS[2:3])  # as every command does before it tries again
    worker.put([result(RUNS[2], RunState.FAILED, error="second")])
    ingest(db)
    found = queries.runs_at(db, RUNS[:3])
    assert list(found["state"]) == ["finished", "finished", "failed"]
    assert list(found["error"]) == ["", "", "second"]


@pytest.mark.parametrize("by", JUMPS)
def test_sweeps_and_their_marks_outlive_a_jump(db: Database, jump: Jump, by: str) -> None:
    sweeps.save_sweep(db, SWEEP, "Before")
    jump(JUMPS[by])
    catalog.set_note(db, SWEEP.key, "noted")
    catalog.archive(db, SWEEP.key, True)
    described = catalog.describe(open_database(db.home), SWEEP.key)
    assert (described["name"], described["note"], described["archived"]) == ("Before", "noted", True)
