"""Six processes on one store for some seconds: two write, two look after it, two read, and none meets an error."""

import itertools
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.spec.result import RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.commands.packs import chosen
from store.db import backup, integrity
from store.db.connection import Database
from store.exchange import merge, pack
from store.library import catalog, sweeps
from store.results import queries
from store.results.spool import Spool, ingest, live_results
from tests.store.fakes import event, listed, result, start
from tests.store.shelves import states

PAUSE = 0.15
"""Seconds between two rounds of a process, so that two cores have room for six."""


def _sweep(place: int, number: int) -> SweepSpec:
    return SweepSpec.of({"width": 1 + number, "depth": 1 + place, "seed": (0, 1, 2), "steps": 100})


def _write(db: Database, place: int, number: int) -> None:
    """Put the runs of a new sweep, show others, and note the number once it is put."""
    worker, made = Spool(db, f"w{place}"), _sweep(place, number).runs()
    worker.show([result(run, RunState.RUNNING, 2) for run in made])
    worker.put([result(made[0], RunState.FAILED, 1, error="The first try.")])
    worker.put([result(run, predictions=run.key.encode()) for run in made])
    worker.close()
    with (db.home.parent / f"{place}.acks").open("a") as acks:
        acks.write(f"{number}\n")


def _look_after(db: Database, place: int, number: int) -> None:
    """Do as a person at the command line."""
    sweep = _sweep(place, number)
    ingest(db)
    sweeps.save_sweep(db, sweep, f"{place} {number}")
    catalog.set_note(db, sweep.key, "noted")
    catalog.add_tags(db, sweep.key, ["tag"])
    sweeps.rename_sweep(db, sweep.key, f"{place} {number} again")
    if number % 4 == 1 and place == 2:  # of two backups at once, one is refused
        backup.backup(db, db.home.parent / f"{place}.duckdb")
    elif number % 4 == 2:
        backup.vacuum(db)
    elif number % 4 == 3:
        file = db.home.parent / f"{place}.scalescope"
        file.unlink(missing_ok=True)
        if acknowledged(db.home):
            rows, packed = chosen(db, [])  # but not the other's sweeps, which would come back once deleted
            pack.write(file, rows, [one for one in packed if one.spec.key == sweep.key])
            merge.import_pack(db, pack.read(file))
    catalog.delete(db, sweep.key)


def _read(db: Database, place: int, number: int) -> None:
    """Look as a page does: what was acknowledged before the look is found."""
    there = acknowledged(db.home)[-9:]
    assert states(db, there) == ["finished"] * len(there)
    assert len(queries.curves(db, there)) == 5 * len(there)
    live_results(db)
    listed(db)
    assert integrity.lost(db) == ""


def acknowledged(home: Path) -> tuple[RunSpec, ...]:
    made = []
    for path in sorted(home.parent.glob("*.acks")):
        lines = path.read_text().split("\n")[:-1]  # the last may be half written
        made += [run for line in lines for run in _sweep(int(path.stem), int(line)).runs()]
    return tuple(made)


def _rounds(job: Callable[[Database, int, int], None], home: Path, place: int, over: Any) -> None:
    said = home.parent / f"{place}.said"
    try:
        for number in itertools.count():
            job(Database(home), place, number)  # without the gallery, which a child would read in
            if over.is_set():
                break
            time.sleep(PAUSE)
        said.write_text(f"{number + 1} rounds")
    except BaseException:
        said.write_text(traceback.format_exc())


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=pytest.mark.long)])
def test_six_processes_share_a_store(db: Database, seconds: int) -> None:
    over = event()
    jobs = (_write, _write, _look_after, _look_after, _read, _read)
    processes = [start(_rounds, job, db.home, place, over) for place, job in enumerate(jobs)]
    time.sleep(seconds)
    over.set()
    for process in processes:
        process.join()
    said = [(db.home.parent / f"{place}.said").read_text() for place in range(len(jobs))]
    assert all(text.endswith(" rounds") for text in said), said
    there = acknowledged(db.home)
    assert states(db, there) == ["finished"] * len(there)
    ingest(db)
    with db.reading() as con:
        both = con.execute(
            "SELECT count(*), count(key), count(step) FROM runs FULL JOIN curves USING (run_id)"
        ).fetchall()
    assert both == [(len(there),) * 3]
    assert listed(db).empty
    assert list(db.rejected.iterdir()) == []
    assert integrity.lost(db) == ""
