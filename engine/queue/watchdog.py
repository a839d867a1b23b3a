"""What a worker watches while a step runs: whether any job still wants its runs, and whether other workers hang."""

import os
import time

from engine.plan.buckets import worker_count
from engine.queue.heartbeat import BEAT, Heartbeat, Monitor
from engine.queue.jobs import Queue

PATIENCE = 0.4
"""Seconds for which a step may go on after the last job that wanted it was cancelled."""

PEERS_EVERY = round(1.0 / BEAT)
"""Beats between two checks of other workers."""


class Watchdog:
    """Watches the queue for a worker whose own thread may be in the middle of a long step."""

    def __init__(self, queue: Queue, slot: int) -> None:
        self._queue, self._slot = Queue(queue.home), slot  # its own: a Queue belongs to one thread
        self._monitor = Monitor(queue.home)
        self._up_to_date, self._beats = time.monotonic(), 0

    def check(self, revision: int, heartbeat: Heartbeat, *, may_leave: bool) -> None:
        """Check queue and other workers; call it at every beat, with the revision that the worker has seen last.

        `may_leave`: whether it may end this process.
        """
        now = time.monotonic()
        if self._queue.revision() == revision:
            self._up_to_date = now
        elif may_leave and now - self._up_to_date > PATIENCE:
            self._leave_if_unwanted(heartbeat)
        self._beats += 1
        if self._beats % PEERS_EVERY == 0:
            for slot in range(worker_count()):
                if slot != self._slot:
                    self._monitor.check(slot)

    def _leave_if_unwanted(self, heartbeat: Heartbeat) -> None:
        """End this process, whose step takes long, when no job wants any of its runs: the machine is free at once.

        Runs that have finished are in the sink already.
        """
        wanted = frozenset[str]().union(*(job.keys for job in self._queue.jobs()))
        if heartbeat.keys and wanted.isdisjoint(heartbeat.keys):
            heartbeat.close()
            os._exit(0)
