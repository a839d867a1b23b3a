"""SIGKILL at random moments: what was acknowledged is there, once and whole, and nobody else notices."""

import os
import random
import time
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from engine import registry
from engine.spec import METRICS, RunSpec, RunState, SweepSpec
from store import queries, runs
from store.database import Database, open_database
from store.spool import Spool, ingest, live_results
from tests.store.fakes import result, start

KILLS = 40
SHARE = 2000
"""Runs that a writer has for itself, so that no other one can make good what it lost."""


def _run(number: int) -> RunSpec:
    return RunSpec(width=1 + number % SHARE, seed=number // SHARE, steps=100)


def _write(home: Path, place: int) -> None:
    """Train, show, put; note each result once it is put."""
    worker = Spool(open_database(home), f"w{place}")
    with (home.parent / f"{place}.acks").open("a") as acks:
        for first in range(SHARE * place, SHARE * (place + 1), 3):
            numbers = range(first, first + 3)
            batch = [_run(number) for number in numbers]
            worker.show([result(run, RunState.RUNNING, 2) for run in batch])
            if first % 2:
                worker.put([result(batch[0], RunState.FAILED, 1, error="The first try.")])
            worker.put([result(run, predictions=run.key.encode()) for run in batch])
            acks.write("".join(f"{number}\n" for number in numbers))
            acks.flush()


def _acknowledged(home: Path) -> list[RunSpec]:
    texts = [path.read_text() for path in home.parent.glob("*.acks")]
    return [_run(int(line)) for text in texts for line in text.split()[-6:]]


def _ingest(home: Path, place: int) -> None:
    db = open_database(home)
    while True:
        ingest(db)
        time.sleep(0.05)


def _read(home: Path, place: int) -> None:
    db = open_database(home)
    while True:
        there = _acknowledged(home)
        found = queries.runs_at(db, there)
        assert list(found["key"]) == [run.key for run in there]
        assert set(found["state"]) <= {"finished"}
        live_results(db)
        runs.list_sweeps(db)


def _guarded(job: Callable[[Path, int], None], home: Path, place: int) -> None:
    try:
        job(home, place)
    except BaseException:
        (home.parent / f"{place}.error").write_text(traceback.format_exc())
        raise


def _kill_at_random(home: Path) -> None:
    places = iter(range(10**6))

    def begin(job: Callable[[Path, int], None]) -> tuple[Callable[[Path, int], None], BaseProcess]:
        return job, start(_guarded, job, home, next(places))

    start(time.sleep, 0).join()  # brings the server up
    _, steady = begin(_read)
    chance = random.Random(os.getpid())
    living = [begin(job) for job in (_write, _write, _ingest, _ingest, _read)]
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.03, 0.27))
        job, process = living.pop(chance.randrange(len(living)))
        process.kill()
        process.join()
        living.append(begin(job))
    for process in [steady, *(process for _, process in living)]:
        process.kill()
        process.join()


def test_a_kill_during_the_first_opening_leaves_a_home_that_opens(tmp_path: Path) -> None:
    for place in range(10):
        home = tmp_path / str(place)
        process = start(open_database, home)
        while not home.exists():
            time.sleep(0.001)
        time.sleep(0.008 * place)
        process.kill()
        process.join()
        worker = Spool(open_database(home), "w")
        worker.put([result(_run(0))])
        assert runs.missing(open_database(home), [_run(0), _run(1)]) == [_run(1)]


def test_forty_kills_lose_nothing_and_leave_nothing_half_there(db: Database) -> None:
    _kill_at_random(db.home)
    folder = db.home.parent
    assert [path.read_text() for path in folder.glob("*.error")] == []
    numbers = [int(line) for path in folder.glob("*.acks") for line in path.read_text().split()]
    assert len(numbers) > 100
    ingest(db)
    with db.reading() as con:
        rows = con.execute("SELECT key, state FROM runs").fetchall()
        both = "runs FULL JOIN curves USING (run_id)"
        assert con.execute(f"SELECT * FROM {both} WHERE key IS NULL OR step IS NULL").fetchall() == []
    assert len({key for key, _ in rows}) == len(rows)
    there = [_run(number) for number in numbers]
    assert list(queries.runs_at(db, there)["state"]) == ["finished"] * len(there)
    points = queries.curves(db, there)
    for name in METRICS:
        assert list(points[name]) == [value for run in there for value in result(run).metrics[name]]
    with db.reading() as con:
        left = con.execute("SELECT key, predictions FROM runs JOIN outcomes USING (run_id)").fetchall()
    shipped = {
        run.key for name in registry.names("presets") for run in SweepSpec.of(registry.preset(name).settings).runs()
    }
    assert dict(left) == {key: key.encode() for key, state in rows if state == "finished" and key not in shipped}
    assert list(db.rejected.iterdir()) == []
    assert live_results(db) == []
    assert list(db.live.iterdir()) == []
