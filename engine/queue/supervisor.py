"""Starts workers in free slots, restarts those that crash, ends those that hang, and says which are alive."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from engine import FOLDER
from engine.base.language import _n
from engine.plan import memory
from engine.plan.buckets import worker_count
from engine.queue import heartbeat, locks
from engine.queue.jobs import Queue

FREE_RESTARTS = 3
"""Times a killed worker is restarted at once; after that the wait doubles each time, up to half a minute."""

SLOT_TAKEN = 75
"""Exit code of a worker that found another in its slot: when that one dies, any supervisor may start the next."""

_SLOT = re.compile(r"worker-[0-9]{1,4}")


class Supervisor:
    """The workers of one queue, whoever has started them; each process makes its own Supervisor."""

    def __init__(self, queue: Queue, *, linger: float = 0.0, hung_after: float = heartbeat.HUNG_AFTER) -> None:
        """`linger`: seconds for which workers started here wait for more work once they have none.

        `hung_after`: seconds after which a hung worker is ended, see engine.queue.heartbeat.Monitor.
        """
        self._queue, self._linger = queue, linger
        self._logs = queue.home / "logs"
        self._logs.mkdir(exist_ok=True)
        self._started: dict[int, _Started] = {}
        self._monitor = heartbeat.Monitor(queue.home, hung_after)

    def tend(self) -> None:
        """Start a worker in every free slot while a job is waiting, and end each worker that hangs.

        A call is cheap: make one at every look at the queue.
        """
        if all(self._queue.paused(job) for job in self._queue.jobs()):
            return
        for slot in range(worker_count()):
            started = self._started.get(slot)
            if not locks.slot_is_free(self._queue.home, slot):
                self._monitor.check(slot)
                continue
            if started and not started.may_restart(self._queue.revision()):
                continue
            crashes = started.crashes_at(self._queue.revision()) if started else 0
            self._started[slot] = self._start(slot, crashes)

    def trouble(self) -> str:
        """Return a sentence on what holds the workers up; "" when nothing does."""
        for worker in self.workers():
            if worker.waits:
                return worker.waits
        for slot, started in self._started.items():
            if started.crashes >= FREE_RESTARTS:
                return _n(
                    "Worker {slot} has ended {n} time in mid-training; it is tried again. Its log: {log}",
                    "Worker {slot} has ended {n} times in mid-training; it is tried again. Its log: {log}",
                    started.crashes,
                    slot=slot,
                    log=self._logs / f"worker-{slot}.log",
                )
        return ""

    def workers(self) -> list[heartbeat.WorkerState]:
        """Return the living workers by slot, whoever has started them."""
        folder = self._queue.home / "queue"
        slots = sorted(int(path.stem[7:]) for path in folder.glob("worker-*.pulse") if _SLOT.fullmatch(path.stem))
        found = (heartbeat.read(self._queue.home, slot) for slot in slots)
        return [worker for worker in found if worker is not None and worker.alive]

    def resident(self) -> int:
        """Return the bytes of memory that living workers take."""
        return sum(memory.resident(worker.pid) for worker in self.workers())

    def _start(self, slot: int, crashes: int) -> "_Started":
        # -P: a folder named engine where the user stands is not this one
        command = [sys.executable, "-P", "-m", "engine", "worker", "--slot", str(slot), "--linger", str(self._linger)]
        roots = (str(FOLDER.parent), os.environ.get("PYTHONPATH", ""))
        environment = os.environ | {
            "SCALESCOPE_HOME": str(self._queue.home),
            "OMP_NUM_THREADS": "1",  # one thread a worker: more cost, they do not help
            "MALLOC_MMAP_THRESHOLD_": str(2**30),  # hold on to freed memory: each step asks for the same again
            "MALLOC_TRIM_THRESHOLD_": str(2**30),
            "PYTHONPATH": os.pathsep.join(filter(None, roots)),  # an empty part would be where the user stands
        }
        with (self._logs / f"worker-{slot}.log").open("w") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # outlives the page or terminal that started it
            )
        return _Started(process=process, revision=self._queue.revision(), crashes=crashes, at=time.monotonic())


@dataclass(frozen=True, kw_only=True)
class _Started:
    """A worker that this process has started."""

    process: subprocess.Popen[bytes]
    revision: int
    """Revision of the queue at the start."""
    crashes: int
    """How many workers of this slot were killed in a row before this one, over the same jobs."""
    at: float

    def may_restart(self, revision: int) -> bool:
        """Return whether its slot needs a new worker: not while it lives, nor when it left for lack of work."""
        code = self.process.poll()
        if code is None:
            return False
        if code == SLOT_TAKEN:
            return True
        if code == 0:
            return revision != self.revision
        wait = min(30.0, 2.0 ** (self.crashes - FREE_RESTARTS)) if self.crashes >= FREE_RESTARTS else 0.0
        return time.monotonic() - self.at >= wait

    def crashes_at(self, revision: int) -> int:
        """Return how many workers of this slot were killed in a row over the same jobs, this one included."""
        left_by_itself = self.process.poll() in (0, SLOT_TAKEN)
        return 0 if left_by_itself or revision != self.revision else self.crashes + 1
