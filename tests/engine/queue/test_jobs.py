"""The queue in files: seen by every process, safe from rubbish, its claims gone with their owner."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.queue.crashes import Crashes
from engine.queue.jobs import Queue
from engine.queue.locks import Claims, slot_lock
from engine.queue.supervisor import SLOT_TAKEN, Supervisor, _Started
from engine.queue.worker import Worker
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.engine.queue.test_worker import Memory

RUNS = SweepSpec.of({"width": (2, 3, 4), "steps": 20}).runs()


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


def test_a_job_is_seen_by_every_process_that_looks(queue: Queue, tmp_path: Path) -> None:
    job_id = queue.submit("sweep", RUNS)
    (job,) = Queue(tmp_path).jobs()
    assert (job.id, job.sweep_id, job.runs) == (job_id, "sweep", RUNS)
    assert job.keys == {run.key for run in RUNS}


def test_pause_resume_and_stop_reach_the_jobs_of_their_sweep_alone(queue: Queue) -> None:
    queue.submit("one", RUNS[:1])
    queue.submit("two", RUNS[1:])
    queue.pause("one")
    assert {job.sweep_id: queue.paused(job) for job in queue.jobs()} == {"one": True, "two": False}
    queue.resume("one")
    assert not any(queue.paused(job) for job in queue.jobs())
    queue.stop("one")
    assert [job.sweep_id for job in queue.jobs()] == ["two"]


def test_every_change_of_the_queue_changes_its_revision(queue: Queue) -> None:
    seen = [queue.revision()]
    for change in (
        lambda: queue.submit("one", RUNS),
        *(lambda f=f: f("one") for f in (queue.pause, queue.resume, queue.stop)),
    ):
        time.sleep(0.01)
        change()
        seen.append(queue.revision())
    assert len(set(seen)) == len(seen)


def test_rubbish_in_the_queue_is_no_job(queue: Queue, tmp_path: Path) -> None:
    folder = tmp_path / "queue" / "jobs"
    for name, text in {
        "a": "",
        "b": "{",
        "c": "[]",
        "d": '{"sweep_id": 1}',
        "e": '{"sweep_id": "x", "runs": [{"width": 0}]}',
    }.items():
        (folder / f"{name}.json").write_text(text)
    (folder / "f.json").mkdir()
    queue.submit("good", RUNS)
    assert [job.sweep_id for job in queue.jobs()] == ["good"]


RUBBISH = {
    "empty": b"",
    "half": b'{"sweep_id": "x", "runs": [{"wid',
    "bytes": bytes(range(256)),
    "deep": b"[" * 100_000,
    "number": b"1" * 5000,
    "foreign": b'{"sweep_id": "x", "runs": {"width": 3}}',
    "unknown": b'{"sweep_id": "x", "runs": [{"colour": "red"}]}',
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_anywhere_in_the_folder_breaks_nothing(queue: Queue, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "queue"
    places = ("worker-0.json", "worker-0.pulse", "worker-0.fault", "worker-1x.pulse", "deaths.json", "notes.txt")
    for place in (*places, "jobs/x.json", "jobs/x.json.tmp", "jobs/y.paused", "jobs/ä\n.json"):
        (folder / place).write_bytes(RUBBISH[kind])
    for name in ("worker-7.json", "worker-7.pulse", "worker-7.lock", "worker-7.fault"):
        (folder / name).mkdir()
    (folder / "jobs" / "folder.json").mkdir()
    queue.submit("good", RUNS)
    assert [job.sweep_id for job in queue.jobs()] == ["good"]
    supervisor = Supervisor(queue)
    assert supervisor.workers() == []
    assert supervisor.trouble() == ""
    for slot in (0, 7):
        Crashes(tmp_path).examine(slot)
    sink = Memory()
    worker = Worker(queue, sink, 0, "cpu", "cpu")
    worker.work(linger=0)
    worker.close()
    assert {run.key for run in RUNS} == set(sink.results)


def test_a_slot_has_one_holder(queue: Queue, tmp_path: Path) -> None:
    with slot_lock(tmp_path, 0) as first, slot_lock(tmp_path, 0) as second, slot_lock(tmp_path, 1) as other:
        assert (first, second, other) == (True, False, True)
    with slot_lock(tmp_path, 0) as again:
        assert again


CLAIM_AND_WAIT = """
import sys, time
from pathlib import Path
from engine.queue.locks import Claims
from engine.spec.run import RunSpec
claims = Claims(Path(sys.argv[1]))
print(claims.take(RunSpec(width=2)), flush=True)
time.sleep(60)
"""


def test_a_claim_holds_between_processes_and_dies_with_its_owner(queue: Queue, tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", CLAIM_AND_WAIT, tmp_path], cwd=root, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"True\n"
        mine = Claims(tmp_path)
        assert not mine.take(RunSpec(width=2))
        assert mine.take(RunSpec(width=3))
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        assert mine.take(RunSpec(width=2))
        mine.close()


def test_nothing_is_started_for_an_empty_or_paused_queue(queue: Queue, tmp_path: Path) -> None:
    supervisor = Supervisor(queue)
    supervisor.tend()
    queue.submit("one", RUNS)
    queue.pause("one")
    supervisor.tend()
    assert not list((tmp_path / "logs").iterdir())


def test_who_found_its_slot_taken_starts_the_next_worker_there(queue: Queue, tmp_path: Path) -> None:
    queue.submit("one", RUNS)
    for code, again in ((SLOT_TAKEN, True), (0, False), (1, True)):
        with subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) as process:
            process.wait()
        started = _Started(process=process, revision=queue.revision(), crashes=0, at=time.monotonic())
        assert started.may_restart(queue.revision()) == again
    with slot_lock(tmp_path, 0):
        command = [sys.executable, "-m", "engine", "worker", "--slot", "0"]
        environment = os.environ | {"SCALESCOPE_HOME": str(tmp_path), "SCALESCOPE_GALLERY": str(tmp_path / "none")}
        root = Path(__file__).parents[3]
        assert subprocess.run(command, cwd=root, env=environment, check=False).returncode == SLOT_TAKEN
