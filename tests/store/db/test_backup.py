"""Backups hold the same, a vacuum keeps every run, and neither is ever half there."""

import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db import backup
from store.db.connection import Database
from store.db.errors import StoreError
from store.db.instance import CONFIG
from store.home import open_database
from store.library import catalog, sweeps
from store.results import runs
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, SWEEP, event, listed, result, start
from tests.store.shelves import OTHER, acknowledged, beside_ingest, content, states


def test_a_backup_opens_and_holds_the_same(filled: Database, tmp_path: Path) -> None:
    catalog.set_note(filled, SWEEP.key, "kept")
    Spool(filled, "late").put([result(RunSpec(width=77, steps=100))])
    target = tmp_path / "copy" / "scalescope.duckdb"
    target.parent.mkdir()
    ingest(filled)
    assert backup.backup(filled, target) == len(RUNS) + 4
    assert os.listdir(target.parent) == [target.name]
    copy = open_database(target.parent)
    assert content(copy) == content(filled)
    assert states(copy, (RunSpec(width=77, steps=100),)) == ["finished"]
    catalog.delete(filled, SWEEP.key)
    backup.backup(filled, target)
    assert content(open_database(target.parent)) == content(filled)


def test_a_backup_beside_a_process_that_ingests_is_of_one_moment(filled: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy" / "scalescope.duckdb"
    target.parent.mkdir()
    before: list[RunSpec] = []

    def work() -> None:
        before.extend(acknowledged(filled.home))
        ingest(filled)
        backup.backup(filled, target)

    beside_ingest(filled, work)
    copy = open_database(target.parent)
    assert states(copy, tuple(before)) == ["finished"] * len(before)
    with copy.reading() as con:
        halves = "SELECT * FROM runs FULL JOIN curves USING (run_id) WHERE key IS NULL OR step IS NULL"
        assert con.execute(halves).fetchall() == []
    assert catalog.describe(copy, SWEEP.key)["states"] == {"finished": len(RUNS)}


@pytest.mark.parametrize("name", ["home/copy.duckdb", "nowhere/copy.duckdb", ".", "text", "logged"])
def test_a_place_where_no_backup_can_be_is_refused(filled: Database, tmp_path: Path, name: str) -> None:
    (tmp_path / "text").write_text("mine")
    (tmp_path / "logged.wal").write_text("")
    with pytest.raises(ValueError, match="allowed: a new file, or an older backup"):
        backup.backup(filled, tmp_path / name)
    assert (tmp_path / "text").read_text() == "mine"


def _backup_to_a_full_disk(home: Path, target: Path, said: Path) -> None:
    db = Database(home)  # without the gallery, which a child would read in
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        backup.backup(db, target)
    except StoreError as problem:
        said.write_text(str(problem))


def test_a_backup_that_does_not_fit_leaves_the_older_one(filled: Database, tmp_path: Path) -> None:
    target, said = tmp_path / "copy.duckdb", tmp_path / "said"
    backup.backup(filled, target)
    old, before = target.read_bytes(), content(filled)
    start(_backup_to_a_full_disk, filled.home, target, said).join()
    assert f"The disk that holds {tmp_path} is full" in said.read_text()
    assert target.read_bytes() == old
    assert not list(tmp_path.glob("*.tmp"))
    assert content(filled) == before


def test_vacuum_gives_space_back_and_keeps_every_run(filled: Database) -> None:
    third = SweepSpec.of({"width": (3, 5), "seed": tuple(range(8)), "steps": 100})
    sweeps.save_sweep(filled, third)
    Spool(filled, "big").put([result(run, predictions=os.urandom(2**20)) for run in third.runs()])
    ingest(filled)
    # After them, so that the space which becomes free is not the file's end.
    Spool(filled, "last").put([result(RunSpec(width=7, steps=100), predictions=os.urandom(2**20))])
    ingest(filled)
    catalog.delete(filled, third.key)
    kept = content(filled)
    before, after = backup.vacuum(filled)
    assert after == filled.file.stat().st_size
    assert after < before - 10 * 2**20
    assert content(filled) == kept
    assert [path.name for path in filled.home.glob("scalescope.vacuum*")] == []
    with pytest.raises(StoreError, match="duplicate key"), filled.writing() as con:
        con.execute("INSERT INTO sweep_tags VALUES ('s', 't'), ('s', 't')")
    Spool(filled, "next").put([result(run) for run in third.runs()])
    assert ingest(filled) == 16  # their numbers go on where they were
    assert states(filled, RUNS) == ["finished"] * len(RUNS)


def _vacuum_on_a_full_disk(home: Path, said: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        backup.vacuum(Database(home))
    except StoreError as problem:
        said.write_text(str(problem))


def test_a_vacuum_that_does_not_fit_leaves_the_store_as_it_was(filled: Database, tmp_path: Path) -> None:
    kept, said = content(filled), tmp_path / "said"
    start(_vacuum_on_a_full_disk, filled.home, said).join()
    assert "is full: nothing was lost" in said.read_text()
    assert content(filled) == kept
    assert list(filled.home.glob("scalescope.vacuum*")) == []
    backup.vacuum(filled)
    assert content(filled) == kept


def _die_with_a_log(home: Path) -> None:
    with duckdb.connect(str(home / "scalescope.duckdb"), config=CONFIG) as con:
        con.execute("UPDATE sweeps SET note = 'only in the log' WHERE sweep_id = ?", [SWEEP.key])
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_stands_in_the_log_of_a_killed_writer_is_copied_too(filled: Database, tmp_path: Path) -> None:
    start(_die_with_a_log, filled.home).join()
    log = Path(f"{filled.file}.wal")
    assert log.exists()
    backup.vacuum(filled)
    assert not log.exists()
    assert catalog.describe(filled, SWEEP.key)["note"] == "only in the log"
    catalog.set_note(filled, SWEEP.key, "")
    start(_die_with_a_log, filled.home).join()
    assert log.exists()
    target = tmp_path / "copy" / "scalescope.duckdb"
    target.parent.mkdir()
    backup.backup(filled, target)
    assert catalog.describe(open_database(target.parent), SWEEP.key)["note"] == "only in the log"


def test_vacuum_beside_a_process_that_ingests_loses_nothing(filled: Database) -> None:
    beside_ingest(filled, lambda: [backup.vacuum(filled) for _ in range(5)])
    assert states(filled, RUNS) == ["finished"] * len(RUNS)


def _forever(home: Path, job: str, going: Any) -> None:
    """Delete and save, or vacuum, or back up, again and again."""
    db = Database(home)  # without the gallery, which a child would read in
    while True:
        going.set()
        if job == "delete":
            catalog.delete(db, SWEEP.key)
            sweeps.save_sweep(db, SWEEP, "noisy digits")
            worker = Spool(db, "again")
            worker.put([result(run) for run in runs.missing(db, RUNS)])
            worker.close()
            ingest(db)
        elif job == "vacuum":
            backup.vacuum(db)
        else:
            backup.backup(db, home.parent / "copy" / "scalescope.duckdb")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("job", ["delete", "vacuum", "backup"])
@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.long)])
def test_a_kill_at_any_moment_leaves_all_or_nothing(
    filled: Database, chance: random.Random, job: str, kills: int
) -> None:
    copy = filled.home.parent / "copy"
    copy.mkdir()
    kept = content(filled)
    for _ in range(kills):
        going = event()
        process = start(_forever, filled.home, job, going)
        assert going.wait(120)
        time.sleep(chance.uniform(0.0, 0.25))
        assert process.is_alive()
        process.kill()
        process.join()
        db = open_database(filled.home)
        if job != "delete":
            assert content(db) == kept
        assert states(db, OTHER.runs()) == ["finished"] * 6
        there = list(listed(db)["sweep_id"])
        with db.reading() as con:
            ((own, members),) = con.execute(
                "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM sweep_runs WHERE sweep_id = ?)", [SWEEP.key]
            ).fetchall()
            halves = "SELECT * FROM runs FULL JOIN curves USING (run_id) WHERE key IS NULL OR step IS NULL"
            assert con.execute(halves).fetchall() == []
        assert members == (len(RUNS) if SWEEP.key in there else 0)
        assert own in (6, len(RUNS) + 3)
        if job == "delete" and SWEEP.key not in there:
            sweeps.save_sweep(db, SWEEP, "noisy digits")
        if (copy / "scalescope.duckdb").exists():
            assert content(open_database(copy)) == kept
    backup.vacuum(filled)
    assert list(filled.home.glob("scalescope.vacuum*")) == []
