"""SIGKILL at random moments: what was acknowledged is there, once and whole, and nobody else notices."""

import gzip
import random
import time
import traceback
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb
import pytest

from engine.spec import registry
from engine.spec.result import METRICS, RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.commands.packs import chosen
from store.db import backup, integrity, schema
from store.db.connection import Database
from store.db.instance import CONFIG
from store.exchange import merge, pack
from store.home import open_database
from store.results import queries, runs
from store.results.spool import Spool, ingest, live_results
from tests.store.fakes import listed, result, start

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
        listed(db)


def _look_after(home: Path, place: int) -> None:
    """Back up, vacuum, export and import, again and again."""
    db = open_database(home)
    while True:
        ingest(db)
        backup.backup(db, home.parent / f"{place}.duckdb")
        backup.vacuum(db)
        file = home.parent / f"{place}.scalescope"
        file.unlink(missing_ok=True)
        pack.write(file, *chosen(db, []))
        merge.import_pack(db, pack.read(file))


def _guarded(job: Callable[[Path, int], None], home: Path, place: int) -> None:
    try:
        job(home, place)
    except BaseException:
        (home.parent / f"{place}.error").write_text(traceback.format_exc())
        raise


def _kill_at_random(home: Path, kills: int, chance: random.Random) -> None:
    places = iter(range(10**6))

    def begin(job: Callable[[Path, int], None]) -> tuple[Callable[[Path, int], None], BaseProcess]:
        return job, start(_guarded, job, home, next(places))

    start(time.sleep, 0).join()  # brings the server up
    began = time.monotonic()
    _, steady = begin(_read)
    living = [begin(job) for job in (_write, _write, _ingest, _ingest, _read, _look_after)]
    while not any(path.stat().st_size for path in home.parent.glob("*.acks")):
        assert time.monotonic() - began < 120
        time.sleep(0.01)
    pace = min(max((time.monotonic() - began) / 2, 0.16), 2.0)  # so that most have done something before their end
    for _ in range(kills):
        time.sleep(chance.uniform(0.1, 1.0) * pace)
        job, process = living.pop(chance.randrange(len(living)))
        process.kill()
        process.join()
        living.append(begin(job))
    for process in [steady, *(process for _, process in living)]:
        process.kill()
        process.join()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [1, pytest.param(40, marks=pytest.mark.long)])
def test_a_kill_during_the_first_opening_leaves_a_home_that_opens(
    tmp_path: Path, chance: random.Random, kills: int
) -> None:
    for place in range(kills):
        home = tmp_path / str(place)
        process = start(open_database, home)
        while not home.exists():
            time.sleep(0.001)
        time.sleep(chance.uniform(0.0, 0.08))
        process.kill()
        process.join()
        worker = Spool(open_database(home), "w")
        worker.put([result(_run(0))])
        assert runs.missing(open_database(home), [_run(0), _run(1)]) == [_run(1)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [6, pytest.param(250, marks=pytest.mark.long)])
def test_kills_of_any_process_lose_nothing_and_leave_nothing_half_there(
    db: Database, chance: random.Random, kills: int
) -> None:
    _kill_at_random(db.home, kills, chance)
    folder = db.home.parent
    assert [path.read_text() for path in folder.glob("*.error")] == []
    numbers = [int(line) for path in folder.glob("*.acks") for line in path.read_text().split()]
    assert numbers
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
    assert integrity.lost(db) == ""
    for copy in folder.glob("*.duckdb"):
        assert _is_sound(copy)
    for file in folder.glob("*.scalescope"):
        pack.read(file)
    assert list(db.rejected.iterdir()) == []
    assert live_results(db) == []
    assert list(db.live.iterdir()) == []


def _is_sound(file: Path) -> bool:
    with duckdb.connect(str(file), read_only=True, config=CONFIG) as con:
        return (
            con.execute("FROM runs FULL JOIN curves USING (run_id) WHERE key IS NULL OR step IS NULL").fetchall() == []
        )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [1, pytest.param(30, marks=pytest.mark.long)])
def test_kills_in_the_middle_of_a_migration_leave_the_store_as_it_was_or_as_it_shall_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chance: random.Random, kills: int
) -> None:
    packed = min((Path(__file__).parent / "db" / "released").glob("version-*.gz"))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path))
    versions, longest = [], 0.0
    for place in range(kills + 1):
        home = tmp_path / str(place)
        home.mkdir()
        file = home / "scalescope.duckdb"
        file.write_bytes(gzip.decompress(packed.read_bytes()))
        process = start(open_database, home)
        while not list(home.glob("scalescope.before-*")) and process.is_alive():
            time.sleep(0.001)
        began = time.monotonic()
        if place:
            time.sleep((place - chance.random()) / kills * 1.5 * longest)
            process.kill()
        process.join()
        if not place:  # the first is not killed, and says how long it takes on this machine at this moment
            longest = time.monotonic() - began
        with duckdb.connect(str(file), config=CONFIG) as con:
            versions.append(schema.version(con))
        with open_database(home).reading() as con:
            assert schema.version(con) == schema.NEWEST
            assert len(con.execute("FROM runs JOIN curves USING (run_id)").fetchall()) == 9
        copies_beside = list(home.glob("scalescope.before-*.duckdb"))
        assert len(copies_beside) == 1
        assert _is_sound(copies_beside[0])
        assert not list(home.glob("scalescope.before-*.tmp"))
    assert set(versions) <= {1, schema.NEWEST}
    assert len(set(versions)) == 2 or kills < 10, "no kill came before the end, or none after it"
