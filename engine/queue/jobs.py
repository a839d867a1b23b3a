"""The queue: jobs as files that any process may add, pause or stop, and the workers that train them."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine import FOLDER
from engine.plan import memory
from engine.plan.buckets import worker_count
from engine.queue import heartbeat
from engine.queue.crashes import Deaths
from engine.queue.locks import locked
from engine.spec.run import RunSpec

FREE_RESTARTS = 3
"""Times a killed worker is restarted at once; after that the wait doubles, up to half a minute."""

SLOT_WAIT = 0.3
"""Seconds that a new worker waits for its slot: one who only looks whether it is free has it for a moment."""

SLOT_TAKEN = 75
"""Exit code of a worker that found another in its slot: when that one dies, whoever looks starts the next."""

_SLOT = re.compile(r"worker-[0-9]{1,4}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """Runs that somebody wants trained."""

    id: str
    sweep_id: str
    runs: tuple[RunSpec, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """Keys of the runs."""
        return frozenset(run.key for run in self.runs)


class Queue:
    """The jobs under `home`/queue; every process makes its own Queue, the files are what they share."""

    def __init__(self, home: Path, linger: float = 0.0, still: float = heartbeat.STILL) -> None:
        """`linger`: seconds that workers started here stay for more work once they have none.

        `still`: seconds after which a hung worker is ended, see engine.queue.heartbeat.Watch.
        """
        self.home = home
        self._folder = home / "queue"
        self._jobs_folder = self._folder / "jobs"
        self._jobs_folder.mkdir(parents=True, exist_ok=True)
        (home / "logs").mkdir(exist_ok=True)
        self._linger = linger
        self._read: dict[str, Job] = {}
        self._started: dict[int, _Started] = {}
        self._watch = heartbeat.Watch(home, still)

    def submit(self, sweep_id: str, runs: Sequence[RunSpec]) -> str:
        """Add a job and return its id; `tend` starts workers for it."""
        job_id = f"{time.time_ns():020d}-{sweep_id}-{uuid.uuid4().hex[:8]}"
        Deaths(self.home).forget(runs)
        text = json.dumps({"sweep_id": sweep_id, "runs": [run.flat() for run in runs]})
        heartbeat.replace(self._path(job_id), text, durable=True)
        return job_id

    def jobs(self) -> list[Job]:
        """Return the jobs that are not settled yet, the oldest first."""
        ids = sorted(path.stem for path in self._jobs_folder.glob("*.json"))
        for job_id in ids:
            if job_id not in self._read:
                job = _load(self._path(job_id))
                if job is not None:
                    self._read[job_id] = job
        self._read = {job_id: self._read[job_id] for job_id in ids if job_id in self._read}
        return list(self._read.values())

    def paused(self, job: Job) -> bool:
        """Return whether a job waits for `resume`."""
        return self._path(job.id).with_suffix(".paused").exists()

    def revision(self) -> int:
        """Return a number that changes when a job comes, goes, is paused or resumed; −1 when the queue is gone."""
        try:
            return self._jobs_folder.stat().st_mtime_ns
        except FileNotFoundError:
            return -1

    def pause(self, sweep_id: str) -> None:
        """Hold all jobs of a sweep, or one job: workers keep what they have and stop taking steps."""
        for job in self._of(sweep_id):
            self._path(job.id).with_suffix(".paused").touch()

    def resume(self, sweep_id: str) -> None:
        """Let the jobs of a sweep, or one job, go on."""
        for job in self._of(sweep_id):
            self._path(job.id).with_suffix(".paused").unlink(missing_ok=True)

    def stop(self, sweep_id: str) -> None:
        """Take the jobs of a sweep, or one job, away: finished runs stay, runs in training are dropped."""
        for job in self._of(sweep_id):
            self.remove(job.id)

    def remove(self, job_id: str) -> None:
        """Take one job away: settled, or stopped."""
        self._path(job_id).unlink(missing_ok=True)
        self._path(job_id).with_suffix(".paused").unlink(missing_ok=True)

    def tend(self) -> None:
        """Start a worker in every free slot while a job is waiting, and end one that hangs.

        Cheap: call it on every look at the queue.
        """
        if all(self.paused(job) for job in self.jobs()):
            return
        for slot in range(worker_count()):
            started = self._started.get(slot)
            if not self._slot_is_free(slot):
                self._watch.look(slot)
                continue
            if started and not started.may_restart(self.revision()):
                continue
            deaths = started.deaths_at(self.revision()) if started else 0
            self._started[slot] = self._start(slot, deaths)

    def trouble(self) -> str:
        """Return a sentence on what holds the workers up; "" when there is nothing."""
        for worker in self.workers():
            if worker.waits:
                return worker.waits
        for slot, started in self._started.items():
            if started.deaths >= FREE_RESTARTS:
                log = self.home / "logs" / f"worker-{slot}.log"
                return (
                    f"Worker {slot} has ended {started.deaths} times in mid-training; it is tried again. Its log: {log}"
                )
        return ""

    def workers(self) -> list[heartbeat.Seen]:
        """Return the living workers, of whoever started them, by slot."""
        slots = sorted(int(path.stem[7:]) for path in self._folder.glob("worker-*.pulse") if _SLOT.fullmatch(path.stem))
        found = (heartbeat.seen(self.home, slot) for slot in slots)
        return [worker for worker in found if worker is not None and worker.alive]

    def resident(self) -> int:
        """Return the bytes of memory that living workers take."""
        return sum(memory.resident(worker.pid) for worker in self.workers())

    @contextmanager
    def slot(self, slot: int) -> Iterator[bool]:
        """Hold a worker's place for as long as the process lives; gives False when another has it."""
        with self._slot_file(slot).open("a") as file:
            yield locked(file.fileno(), wait=SLOT_WAIT)

    def _slot_is_free(self, slot: int) -> bool:
        try:
            with self._slot_file(slot).open("a") as file:
                return locked(file.fileno())  # and let go at once
        except OSError:
            return False  # something else has its name

    def _slot_file(self, slot: int) -> Path:
        return self._folder / f"worker-{slot}.lock"

    def _start(self, slot: int, deaths: int) -> "_Started":
        # -P: a folder named engine where the user stands is not this one
        command = [sys.executable, "-P", "-m", "engine", "worker", "--slot", str(slot), "--linger", str(self._linger)]
        roots = (str(FOLDER.parent), os.environ.get("PYTHONPATH", ""))
        environment = os.environ | {
            "SCALESCOPE_HOME": str(self.home),
            "OMP_NUM_THREADS": "1",  # one thread a worker: more cost, they do not help
            "MALLOC_MMAP_THRESHOLD_": str(2**30),  # keep freed memory: each step asks for the same again
            "MALLOC_TRIM_THRESHOLD_": str(2**30),
            "PYTHONPATH": os.pathsep.join(filter(None, roots)),  # an empty part would be where the user stands
        }
        with (self.home / "logs" / f"worker-{slot}.log").open("w") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # outlives the page or terminal that started it
            )
        return _Started(process=process, revision=self.revision(), deaths=deaths, at=time.monotonic())

    def _of(self, sweep_id: str) -> list[Job]:
        return [job for job in self.jobs() if sweep_id in (job.sweep_id, job.id)]

    def _path(self, job_id: str) -> Path:
        return self._jobs_folder / f"{job_id}.json"


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A worker that this process started."""

    process: subprocess.Popen[bytes]
    revision: int
    deaths: int
    at: float

    def may_restart(self, revision: int) -> bool:
        """Return whether its slot wants a new worker: not while it lives, nor when it left for lack of work."""
        code = self.process.poll()
        if code is None:
            return False
        if code == SLOT_TAKEN:
            return True
        if code == 0:
            return revision != self.revision
        wait = min(30.0, 2.0 ** (self.deaths - FREE_RESTARTS)) if self.deaths >= FREE_RESTARTS else 0.0
        return time.monotonic() - self.at >= wait

    def deaths_at(self, revision: int) -> int:
        """Return how often workers of this slot were killed in a row over the same jobs."""
        by_itself = self.process.poll() in (0, SLOT_TAKEN)
        return 0 if by_itself or revision != self.revision else self.deaths + 1


def _load(path: Path) -> Job | None:
    """Read a job; a file that is gone or is no job is no job."""
    try:
        content = json.loads(path.read_text())
        runs = tuple(RunSpec.of(flat) for flat in content["runs"])
        return Job(id=path.stem, sweep_id=str(content["sweep_id"]), runs=runs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
