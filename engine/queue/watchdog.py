"""What a worker looks out for while a step runs: whether anybody still wants its runs, and whether its peers move."""

import os
import time

from engine.plan.buckets import worker_count
from engine.queue.heartbeat import BEAT, Post, Watch
from engine.queue.jobs import Queue

PATIENCE = 0.4
"""Seconds that a step may go on after the last job that wanted it was cancelled."""

PEERS_EVERY = round(1.0 / BEAT)
"""Beats between two looks at other workers."""


class Lookout:
    """Looks at the queue for a worker whose own thread may be in the middle of a long step."""

    def __init__(self, queue: Queue, slot: int) -> None:
        self._queue, self._slot = Queue(queue.home), slot  # its own: a Queue belongs to one thread
        self._watch = Watch(queue.home)
        self._late, self._beats = time.monotonic(), 0

    def look(self, revision: int, post: Post, *, may_leave: bool) -> None:
        """Call at every beat, with the revision of the queue that the worker has seen."""
        now = time.monotonic()
        if self._queue.revision() == revision:
            self._late = now
        elif may_leave and now - self._late > PATIENCE:
            self._leave_if_unwanted(post)
        self._beats += 1
        if self._beats % PEERS_EVERY == 0:
            for slot in range(worker_count()):
                if slot != self._slot:
                    self._watch.look(slot)

    def _leave_if_unwanted(self, post: Post) -> None:
        """End this process, whose step takes long, when no job wants any of its runs: the machine is free at once.

        What has finished is in the sink already.
        """
        wanted = frozenset[str]().union(*(job.keys for job in self._queue.jobs()))
        if post.keys and wanted.isdisjoint(post.keys):
            post.close()
            os._exit(0)
