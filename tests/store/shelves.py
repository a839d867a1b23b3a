"""A store with two sweeps that share runs, what its tables hold, and work beside a process that ingests."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.library import sweeps
from store.results import queries
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, SWEEP, event, result, start

OTHER = SweepSpec.of({"width": (8, 16), "label_noise": 0.2, "seed": (0, 1, 2), "steps": 100})
"""Shares the runs of width 8 with SWEEP."""
SHARED = [run for run in RUNS if run in OTHER.runs()]
TABLES = ("meta", "runs", "curves", "outcomes", "sweeps", "sweep_runs", "sweep_tags")


def fill(db: Database) -> None:
    """Put two sweeps into the store that share runs, all trained, with predictions."""
    sweeps.save_sweep(db, SWEEP, "noisy digits")
    sweeps.save_sweep(db, OTHER, "noisy digits, wider")
    worker = Spool(db, "w")
    worker.put([result(run, predictions=run.key.encode()) for run in dict.fromkeys((*RUNS, *OTHER.runs()))])
    worker.close()
    ingest(db)


def content(db: Database) -> dict[str, list[Any]]:
    with db.reading() as con:
        return {table: con.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


def states(db: Database, wanted: Sequence[RunSpec]) -> list[str]:
    return list(queries.runs_at(db, wanted)["state"])


def _put_and_ingest(home: Path, name: str, going: Any) -> None:
    """Put one new run after the other until killed, and note each once it is put."""
    db = Database(home)  # without the gallery, which a child would read in
    worker = Spool(db, name)
    with (home.parent / f"{name}.acks").open("a") as acks:
        for width in range(1000, 10**6):
            run = RunSpec(width=width, steps=100)
            worker.put([result(run)])
            acks.write(f"{width}\n")
            acks.flush()
            ingest(db)
            going.set()


def acknowledged(home: Path) -> tuple[RunSpec, ...]:
    widths = [int(line) for path in home.parent.glob("*.acks") for line in path.read_text().split()]
    return tuple(RunSpec(width=width, steps=100) for width in sorted(set(widths)))


def beside_ingest(db: Database, work: Callable[[], object]) -> None:
    """Do `work` while another process puts and ingests; what that one was told is kept must be there."""
    going = event()
    process = start(_put_and_ingest, db.home, "writer", going)
    assert going.wait(120)
    work()
    count = len(acknowledged(db.home))
    deadline = time.monotonic() + 120
    while len(acknowledged(db.home)) < count + 3:  # it goes on after that
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.join()
    ingest(db)
    there = acknowledged(db.home)
    assert states(db, there) == ["finished"] * len(there)
