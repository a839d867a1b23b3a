"""The queue with real workers: hung ones, long steps, deaths over one run, a small sweep behind a big one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.queue.jobs import Queue
from engine.queue.locks import Claims
from engine.queue.supervisor import Supervisor
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.results import queries, runs
from tests import homes
from tests.processes import workers

ROOT = Path(__file__).parent.parent


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    monkeypatch.setenv("SCALESCOPE_WORKERS", "1")
    return homes.fresh(tmp_path / "home")


@pytest.fixture
def _reaped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait at the end for the workers that a test's own queue has started."""
    begun, popen = list[subprocess.Popen[bytes]](), subprocess.Popen

    def start(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        begun.append(popen(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr("engine.queue.supervisor.subprocess.Popen", start)
    yield
    for process in begun:
        process.wait(60)


def _sweep(**settings: object) -> tuple[RunSpec, ...]:
    return SweepSpec.of({"dataset": "moons", "dataset_size": 50, "batch_size": 50} | settings).runs()


def _until(true: Callable[[], object], seconds: float, step: float = 0.25) -> float:
    """Wait until it is true; return how long that took."""
    begin = time.monotonic()
    while not true():
        assert time.monotonic() - begin < seconds, f"not after {seconds} s"
        time.sleep(step)
    return time.monotonic() - begin


def _is_over(db: Database, wanted: tuple[RunSpec, ...]) -> bool:
    return not runs.missing(db, wanted)


def _steps(db: Database, wanted: tuple[RunSpec, ...]) -> dict[str, float]:
    table = queries.progress(db, wanted)
    return dict(zip(table["key"], table["share"], strict=True))


@pytest.mark.timeout(200)
@pytest.mark.usefixtures("_reaped")
def test_a_worker_that_hangs_is_ended_and_another_trains_its_runs(db: Database) -> None:
    wanted = _sweep(width=(2, 3), steps=30_000)
    queue = Queue(db.home)
    supervisor = Supervisor(queue, hung_after=5.0)
    queue.submit("sweep", wanted)
    supervisor.tend()
    _until(lambda: bool(_steps(db, wanted)), 120)
    (hung,) = workers(db.home)
    os.kill(hung, signal.SIGSTOP)

    def over() -> bool:
        supervisor.tend()
        return not queue.jobs()

    _until(over, 120, step=0.2)
    assert not runs.missing(db, wanted)


SLOW = """
import sys, time
from engine.train import bucket
from engine.queue.jobs import Queue
from engine.queue.locks import slot_lock
from engine.queue.worker import Worker
from store.home import open_database
from store.results.spool import Spool

def slow(runs, device, course):
    print("in a step", flush=True)
    time.sleep(120)
    yield ()

bucket.train = slow
db = open_database()
queue = Queue(db.home)
with slot_lock(db.home, 0):
    Worker(queue, Spool(db, "worker-0"), 0, "cpu", "cpu").work(linger=60, own_process=True)
"""


def test_a_long_step_goes_on_while_a_job_wants_it_and_frees_its_worker_once_it_is_cancelled(db: Database) -> None:
    wanted = _sweep(width=2, seed=(0, 1), steps=10)
    queue = Queue(db.home)
    for name in ("one", "two"):
        queue.submit(name, wanted)
    environment = os.environ | {"SCALESCOPE_HOME": str(db.home)}
    with subprocess.Popen([sys.executable, "-c", SLOW], cwd=ROOT, env=environment, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"in a step\n"
        queue.stop("one")
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(1.5)
        claims, begin = Claims(db.home), time.monotonic()
        assert not claims.take(wanted[0])
        queue.stop("two")
        answered = time.monotonic() - begin
        assert worker.wait(60) == 0  # its step takes twice as long
        print(f"answered after {answered:.3f} s, free after {time.monotonic() - begin:.2f} s")
        assert all(claims.take(run) for run in wanted)
        claims.close()
    assert not Supervisor(queue).workers()


DEADLY = """
import os, signal, sys
import pandas  # once, where each child would load it
from pathlib import Path
from engine.train import bucket
from engine.queue.crashes import Crashes
from engine.queue.jobs import Queue
from engine.queue.locks import slot_lock
from engine.train.loop import train
from engine.queue.worker import Worker
from store.home import open_database
from store.results.spool import Spool

count = Path(sys.argv[1])
kills = lambda: len(count.read_bytes())

class Kept:
    def __init__(self, generator): self.generator = generator
    def __iter__(self): self.value = yield from self.generator

def watched(runs, device, course):
    bucket = Kept(train(runs, device=device, course=course))
    for points in bucket:
        if points and points[0].step >= 5 and any(run.seed == 1 and run.width == 3 for run in runs):
            if how == "SIGKILL":  # as the system does it, and counts
                count.write_bytes(count.read_bytes() + b".")
            os.kill(os.getpid(), getattr(signal, how))
        yield points
    return bucket.value

bucket.train = watched
how, db = sys.argv[2], open_database()
queue = Queue(db.home)
crashed = 0
while queue.jobs():
    child = os.fork()
    if child == 0:
        with slot_lock(db.home, 0):
            crashes = Crashes(db.home)
            crashes.examine(0, kills)
            crashes.log_faults(0)
            spool = Spool(db, "worker-0")
            worker = Worker(queue, spool, 0, "cpu", "cpu", kills)
            worker.work(linger=0)
            worker.close()
            spool.close()
            os._exit(0)
    crashed += os.waitpid(child, 0)[1] != 0
print(crashed)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a process that has loaded torch may not survive a fork.")
@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("SIGKILL", "The system ended the worker 3 times over this run for lack of memory; it needs about "),
        pytest.param("SIGSEGV", "The worker crashed 3 times over this run (Segm", marks=pytest.mark.long),
    ],
)
def test_a_run_that_ends_worker_after_worker_fails_and_its_neighbours_train_on(
    db: Database, tmp_path: Path, how: str, reason: str
) -> None:
    wanted = _sweep(width=(2, 3), seed=(0, 1, 2), steps=20)
    Queue(db.home).submit("sweep", wanted)
    (tmp_path / "count").write_bytes(b"")
    command = [sys.executable, "-c", DEADLY, str(tmp_path / "count"), how]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "SCALESCOPE_HOME": str(db.home)}
    answer = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    # over three runs of width 3, over two of them, over the one
    assert int(answer.stdout) == 3 + 3 + 3
    found = queries.runs_at(db, wanted).set_index("key")
    for run in wanted:
        guilty = (run.width, run.seed) == (3, 1)
        assert found.at[run.key, "state"] == ("failed" if guilty else "finished")
        assert found.at[run.key, "error"].startswith(reason if guilty else "")


@pytest.mark.timeout(200)
@pytest.mark.usefixtures("_reaped")
def test_a_small_sweep_behind_a_big_one_shows_its_first_points_after_two_seconds_of_work(db: Database) -> None:
    big = _sweep(width=tuple(range(8, 408, 8)), seed=tuple(range(10)), steps=100_000, dataset_size=2000)
    queue = Queue(db.home)
    supervisor = Supervisor(queue)
    queue.submit("big", big)
    supervisor.tend()
    _until(lambda: supervisor.workers() and len(_steps(db, big)) >= 10, 120)
    Supervisor(Queue(db.home)).tend()  # another program that looks after the same queue
    (pid,) = workers(db.home)
    worker = psutil.Process(pid)
    small = _sweep(width=(2, 4, 6), seed=(0, 1), steps=2000, dataset_size=60)
    before = sum(worker.cpu_times()[:2])
    queue.submit("small", small)
    waited = _until(lambda: _steps(db, small), 60)
    worked = sum(worker.cpu_times()[:2]) - before
    print(f"first points after {waited:.2f} s, in which the worker worked for {worked} s")
    assert worked < 2.0  # tests share their machine: a clock would tell of others
    _until(lambda: _is_over(db, small), 120)
    assert {job.sweep_id for job in queue.jobs()} <= {"big", "small"}
    assert len(_steps(db, big)) >= 10
    assert runs.missing(db, big)
    queue.stop("big")
