"""Kill -9 of a worker in the middle of a long run: the next one goes on from its checkpoint, to the same end."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.queue.jobs import Queue
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.bucket import TrainingBucket
from engine.train.checkpoint import Head, write
from store.db.connection import Database
from store.results import queries
from store.results.spool import Spool, ingest, live_results
from tests import homes

ROOT = Path(__file__).parent.parent
STEPS = 8_000
SETTINGS = {"width": 32, "dropout": 0.2, "schedule": "cosine", "batch_size": 32}
RUNS = SweepSpec.of(SETTINGS | {"steps": STEPS, "seed": (0, 1)}).runs()
WORK = (
    "import sys; from engine.commands.main import main\n"
    "sys.exit(main(['worker', '--slot', '0']) or 'pandas' in sys.modules)  # which would only cost its time and memory"
)
LOST = 10_000.0
"""Seconds in training that the test writes into a checkpoint, to see whether the next worker takes it up."""


def _worker(home: Path) -> subprocess.Popen[bytes]:
    mine = {"HOME": str(home), "GALLERY": str(home / "none"), "WORKERS": "1", "CHECKPOINT_SECONDS": "0.1"}
    environment = os.environ | {f"SCALESCOPE_{name}": value for name, value in mine.items()}
    return subprocess.Popen([sys.executable, "-c", WORK], cwd=ROOT, env=environment | {"OMP_NUM_THREADS": "1"})


def _told(home: Path, runs: tuple[RunSpec, ...]) -> tuple[str, dict[str, list[bytes]]]:
    """Return all that is told of runs but the time they took: curves, and predictions."""
    db = Database(home)
    curves = queries.curves(db, runs)
    kept = [name for name in curves.columns if "seconds" not in name]
    ingest(db)
    found = queries.predictions(db, runs)
    assert len(found) == len(runs)
    answers = {key: [arrays[name].tobytes() for name in sorted(arrays)] for key, arrays in found.items()}
    return curves[kept].sort_values(["key", "step"]).to_json(double_precision=15), answers


@pytest.mark.timeout(280)
def test_the_next_worker_goes_on_from_the_checkpoint_to_the_same_end(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    db = homes.fresh(home)
    Queue(home).submit("sweep", RUNS)
    with _worker(home) as worker:
        deadline = time.monotonic() + 100
        while not (heads := [h for path in home.glob("checkpoints/*.checkpoint") if (h := Head.of(path))]):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(worker.pid, signal.SIGKILL)
    assert live_results(db) == []
    (head,) = heads
    again = Head.of(head.path)  # it may have been replaced before the kill
    assert again is not None
    assert 0 < again.step < STEPS
    left = again.read()
    assert left is not None
    write(again.path, dataclasses.replace(left, seconds=left.seconds + LOST), again.made_by)
    with _worker(home) as worker:
        assert worker.wait(timeout=200) == 0
    table = queries.runs_at(db, RUNS)
    assert set(table["state"]) == {"finished"}
    assert all(LOST < seconds < LOST + 60 for seconds in table["seconds"])
    assert list(home.glob("checkpoints/*")) == []

    whole = TrainingBucket(RUNS, "cpu", "cpu")
    while whole.advance():
        pass
    spool = Spool(homes.fresh(other), "untouched")
    spool.put(whole.results(over=True))
    spool.close()
    assert _told(home, RUNS) == _told(other, RUNS)
