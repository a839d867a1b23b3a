"""Does each job of a store again and again, its first, second … change of a file failing; see test_failing.py.

Run with the library of failing.cpp preloaded: `python -m tests.store.db.failing LIBRARY ERRNO FULL FOLDER FIRST EVERY
JOB…`; of the changes of each job the one of number FIRST fails, then every EVERYth. Prints a line of JSON per attempt.
Each attempt is a fork of this process, so that nothing is imported twice.
"""

import ctypes
import gc
import gzip
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.spec.result import METRICS
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.commands.packs import chosen
from store.db import backup, integrity
from store.db.connection import Database
from store.db.errors import StoreError
from store.exchange import merge, pack
from store.home import open_database
from store.library import sweeps
from store.results import queries
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, SWEEP, result

NEW = SweepSpec.of({"width": (3, 5), "seed": (0, 1), "steps": 100})
PACKED = SweepSpec.of({"width": (6, 7), "seed": (0, 1), "steps": 100})
RELEASED = Path(__file__).parent / "released" / "version-1.duckdb.gz"
MOST = 400
"""Attempts after which a job counts as endless."""
Ack = Callable[[str], None]


def begin(home: Path) -> None:
    """Make the store that most jobs find: a sweep with results, three of them still in the spool; and a pack."""
    other = open_database(home.parent / "other")
    Spool(other, "w").put([result(run) for run in PACKED.runs()])
    sweeps.save_sweep(other, PACKED, "Packed")
    ingest(other)
    pack.write(home.parent / "in.scalescope", *chosen(other, []))
    shutil.rmtree(other.home)
    db = open_database(home)
    worker = Spool(db, "w")
    worker.put([result(run, predictions=b"kept") for run in RUNS[:6]])
    sweeps.save_sweep(db, SWEEP, "Mine")
    (home.parent / "copy").mkdir()
    ingest(db)
    backup.backup(db, home.parent / "copy" / "scalescope.duckdb")
    worker.put([result(run, predictions=b"kept") for run in RUNS[6:]])
    worker.close()
    (db.spool / "rubbish").write_text("no result")


def _work(home: Path, ack: Ack) -> None:
    db = open_database(home)
    worker = Spool(db, "v")
    worker.show([result(run) for run in NEW.runs()])
    sweeps.save_sweep(db, NEW, "New")
    ack("sweep")
    worker.put([result(run, predictions=b"new") for run in NEW.runs()])
    ack("runs")
    ingest(db)
    worker.close()


def _tidy(home: Path, ack: Ack) -> None:
    db = open_database(home)
    ingest(db)
    backup.vacuum(db)


def _copy(home: Path, ack: Ack) -> None:
    db = open_database(home)
    ingest(db)
    backup.backup(db, home.parent / "copy" / "scalescope.duckdb")
    ack("backup")


def _exchange(home: Path, ack: Ack) -> None:
    db = open_database(home)
    ingest(db)
    pack.write(home.parent / "out.scalescope", *chosen(db, []))
    ack("pack")
    merge.import_pack(db, pack.read(home.parent / "in.scalescope"))
    ack("packed")


def _first(home: Path, ack: Ack) -> None:
    shutil.rmtree(home)
    Spool(open_database(home), "w").put([result(run) for run in NEW.runs()])
    ack("runs")


def _migrate(home: Path, ack: Ack) -> None:
    db = open_database(home)
    Spool(db, "v").put([result(run) for run in NEW.runs()])
    ack("runs")
    ingest(db)


JOBS: dict[str, Callable[[Path, Ack], None]] = {
    "work": _work,
    "tidy": _tidy,
    "copy": _copy,
    "exchange": _exchange,
    "first": _first,
    "migrate": _migrate,
}


def check(home: Path, job: str, acks: set[str]) -> None:
    """Raise AssertionError where something acknowledged is missing, or anything is half there."""
    db = open_database(home)
    ingest(db)
    with db.reading() as con:
        assert integrity.sentence(db, con) == ""
        states = dict(con.execute("SELECT key, state FROM runs").fetchall())
        halves = "SELECT * FROM runs FULL JOIN curves USING (run_id) WHERE key IS NULL OR step IS NULL"
        assert con.execute(halves).fetchall() == []
        members = dict(con.execute("SELECT sweep_id, count(*) FROM sweep_runs GROUP BY ALL").fetchall())
        names = dict(con.execute("SELECT sweep_id, name FROM sweeps").fetchall())
        left = dict(con.execute("SELECT key, predictions FROM runs JOIN outcomes USING (run_id)").fetchall())
    for sweep, ack in ((NEW, "runs"), (PACKED, "packed")):
        found = len({run.key for run in sweep.runs()} & set(states))
        assert found in (0, 4)
        assert found or ack not in acks
    if job == "migrate":
        assert len(states) == 9 + 4 * (NEW.runs()[0].key in states)
        return
    assert members == {sweep.key: sweep.size for sweep in (NEW, PACKED, SWEEP) if sweep.key in names}
    assert NEW.key in names or "sweep" not in acks
    assert (SWEEP.key in names) is (job != "first")
    assert [states.get(run.key) for run in RUNS] == ["finished" if SWEEP.key in names else None] * 9
    expected = [(run, b"kept") for run in RUNS] + [(run, b"new") for run in NEW.runs() if job == "work"]
    assert left == {run.key: kept for run, kept in expected if run.key in states}
    _check_curves(db, [run for run in (*NEW.runs(), *PACKED.runs(), *RUNS) if run.key in states])
    _check_files(home.parent, job, acks)


def _check_files(folder: Path, job: str, acks: set[str]) -> None:
    assert not list(folder.glob("*.tmp"))
    if job == "copy":  # the older backup, or the new one
        copy = open_database(folder / "copy")
        assert len(queries.runs_at(copy, RUNS)) in ([9] if "backup" in acks else [6, 9])
    if "pack" in acks:
        assert len(pack.read(folder / "out.scalescope").rows) == 9


def _check_curves(db: Database, there: list[RunSpec]) -> None:
    points = queries.curves(db, there)
    for name in METRICS:
        assert list(points[name]) == [value for run in there for value in result(run).metrics[name]]


def _forked(action: Callable[[], None], said: Path) -> int:
    """Return the status of a child that does `action`; what it could not do, or did wrong, stands in `said`."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    status = 99
    try:
        signal.alarm(300)
        action()
        status = 0
    except (StoreError, ValueError) as problem:
        said.write_text(str(problem))
        status = 1
    except BaseException:
        said.write_text(traceback.format_exc())
    finally:
        os._exit(status)
    raise AssertionError


def attempt(faults: Any, job: str, number: int, error: int, full: bool, folder: Path) -> dict[str, Any]:
    """Do the job with one fault, open the store with another one, and check it without any."""
    case, out = folder / "case", folder / "out"
    for old in (case, out):
        shutil.rmtree(old, ignore_errors=True)
    out.mkdir()
    shutil.copytree(folder / "begun", case)
    home, acks = case / "home", out / "acks"
    if job == "migrate":
        shutil.rmtree(home)
        home.mkdir()
        (home / "scalescope.duckdb").write_bytes(gzip.decompress(RELEASED.read_bytes()))
    acks.touch()

    def ack(word: str) -> None:
        with acks.open("a") as opened:
            opened.write(f"{word}\n")

    def with_fault(action: Callable[[], object], at: int, mark: str) -> Callable[[], None]:
        def act() -> None:
            faults.fail_at(os.fsencode(case), ctypes.c_long(at), error, full)
            try:
                action()
            finally:
                (out / mark).write_text(str(faults.failures()))

        return act

    statuses = [
        _forked(with_fault(lambda: JOBS[job](home, ack), number, "failures"), out / "said"),
        _forked(with_fault(lambda: ingest(open_database(home)), 1 + number // 2 % 9, "again"), out / "said again")
        if number % 2
        else 0,
        _forked(lambda: check(home, job, set(acks.read_text().split())), out / "wrong"),
    ]
    texts = {path.name: path.read_text() for path in out.iterdir()}
    return {"job": job, "number": number, "statuses": statuses, **texts}


def main() -> None:
    """Attempt each job until no change of it fails any more."""
    path, error, full, name, first, every, *jobs = sys.argv[1:]
    faults = ctypes.CDLL(path)
    folder = Path(name)
    os.environ["SCALESCOPE_GALLERY"] = str(folder)
    (folder / "begun").mkdir()
    assert _forked(lambda: begin(folder / "begun" / "home"), folder / "said") == 0, (folder / "said").read_text()
    gc.freeze()  # or each fork would copy what a collection touches
    for job in jobs:
        for number in range(int(first), MOST, int(every)):
            made = attempt(faults, job, number, int(error), full == "full", folder)
            print(json.dumps(made), flush=True)
            if made.get("failures") == "0":
                break
    os._exit(0)  # what was frozen is not to be counted as left over


if __name__ == "__main__":
    main()
