"""What a worker process does: claim buckets, train them in turn so that all move, hand results to a sink."""

import time
from collections.abc import Sequence
from typing import Protocol

from engine import plan
from engine.checkpoint import Checkpoints
from engine.runner import Claims, Job, Queue
from engine.spec import RunResult, RunSpec, RunState
from engine.training import Training

HORIZON = 60.0
"""Predicted seconds of work that one worker keeps in training at once: a kill loses no more, and less of long runs."""

MOST_RUNS = 1000
"""Runs that one worker keeps in training at once, but for a first bucket of each job: bounds its memory."""

SHOW_EVERY, SHOW_SHARE = 0.5, 0.05
"""Seconds between looks that others get at the runs in training: longer where a look takes over this share of time."""

IDLE = 0.1
"""Seconds between looks at the queue when there is nothing to do."""


class Sink(Protocol):
    """Where results go. The store's spool is one."""

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs that have no result yet."""

    def put(self, results: Sequence[RunResult]) -> None:
        """Keep results for good; they are safe when this returns."""

    def show(self, results: Sequence[RunResult]) -> None:
        """Replace what others see of this worker's runs in training."""


class Worker:
    """The buckets that one process has in training, advanced in turn."""

    def __init__(self, queue: Queue, sink: Sink, slot: int, device: str, device_name: str) -> None:
        self._queue, self._sink, self._slot = queue, sink, slot
        self._device, self._device_name = device, device_name
        self._claims = Claims(queue.home)
        self._checkpoints = Checkpoints(home=queue.home, device=device)
        self._training: list[Training] = []
        self._revision = -2
        self._active: list[Training] = []
        self._show_at = 0.0

    def work(self, linger: float) -> None:
        """Train until no job has a run left that nobody trains, and `linger` seconds beyond."""
        last_busy = time.monotonic()
        while self._queue.revision() != -1:
            if self._queue.revision() != self._revision:
                self._revision = self._queue.revision()
                self._drop_unwanted()
                self._adopt()
            if self._active:
                self._advance(min(self._active, key=lambda training: training.measured))
                last_busy = time.monotonic()
            elif self._training:
                time.sleep(IDLE)  # paused
            elif not self._adopt():
                if time.monotonic() - last_busy >= linger:
                    break
                time.sleep(IDLE)
            if time.monotonic() >= self._show_at:
                self._show()
        self._show()

    def close(self) -> None:
        """Give back all claims."""
        self._claims.close()

    def _advance(self, training: Training) -> None:
        try:
            going_on = training.advance()
        except Exception as error:
            self._fail(training, error)
            return
        if going_on:
            training.keep(self._checkpoints)
        else:
            self._sink.put(training.results(over=True))
            self._forget(training)
            self._adopt()

    def _fail(self, training: Training, error: Exception) -> None:
        """Train the runs of a broken bucket one by one; the one that fails alone is the one at fault."""
        self._training.remove(training)
        self._active.remove(training)
        self._checkpoints.remove(training.runs)
        if len(training.runs) > 1 or training.resumed:  # from the start
            singles = [Training((run,), self._device, self._device_name) for run in training.runs]
            self._training += singles
            self._active += singles
            return
        (run,) = training.runs
        reason = f"{type(error).__name__}: {error}"
        self._sink.put([RunResult(spec=run, state=RunState.FAILED, error=reason, device=self._device_name)])
        self._claims.give_back(run)

    def _adopt(self) -> bool:
        """Begin buckets of this worker's share up to the horizon; with nothing to do, what others have not begun."""
        begun = self._begin(self._claim(others=False))
        if not self._training:
            begun = self._begin(self._claim(others=True))
        self._sort_active()
        return begun

    def _claim(self, others: bool) -> list[list[RunSpec]]:
        mine = {run.key for training in self._training for run in training.runs}
        held = sum(plan.run_seconds(run) for training in self._training for run in training.runs)
        claimed: list[list[RunSpec]] = []
        for job in self._queue.jobs():
            if self._queue.paused(job):
                continue
            unsettled = {run.key for run in self._sink.unsettled(job.runs)}
            if not unsettled:
                self._queue.remove(job.id)
                continue
            begun = bool(unsettled & mine)
            for bucket in self._candidates(job, others):
                if begun and (held >= HORIZON or len(mine) >= MOST_RUNS):  # a job just come gets its first bucket
                    break
                wanted = [run for run in bucket.runs if run.key in unsettled - mine]
                runs = [run for run in wanted if self._claims.take(run)]
                if runs:
                    claimed.append(runs)
                    mine.update(run.key for run in runs)
                    held, begun = held + bucket.seconds, True
        return claimed

    def _candidates(self, job: Job, others: bool) -> list[plan.Bucket]:
        """Return what to claim of a job, the shortest first: what is soon done is soon safe."""
        workers = plan.worker_count()
        planned = plan.buckets(job.runs, workers)
        return (planned if others else plan.share(planned, workers, self._slot))[::-1]

    def _begin(self, claimed: list[list[RunSpec]]) -> bool:
        """Train what is claimed, but for runs that another worker finished just before the claim."""
        if not claimed:
            return False
        unsettled = {run.key for run in self._sink.unsettled([run for runs in claimed for run in runs])}
        for runs in claimed:
            for run in runs:
                if run.key not in unsettled:
                    self._claims.give_back(run)
            going = tuple(run for run in runs if run.key in unsettled)
            for part, checkpoint in self._checkpoints.parts(going):
                self._training.append(Training(part, self._device, self._device_name, checkpoint))
        return bool(unsettled)

    def _drop_unwanted(self) -> None:
        """Forget buckets that no job asks for any more."""
        wanted = frozenset[str]().union(*(job.keys for job in self._queue.jobs()))
        for training in list(self._training):
            if not any(run.key in wanted for run in training.runs):
                self._forget(training)
        self._checkpoints.clear(wanted)

    def _sort_active(self) -> None:
        """Hold the buckets whose every job is paused."""
        jobs = [job for job in self._queue.jobs() if not self._queue.paused(job)]
        going = frozenset[str]().union(*(job.keys for job in jobs))
        self._active = [t for t in self._training if any(run.key in going for run in t.runs)]

    def _forget(self, training: Training) -> None:
        self._training.remove(training)
        if training in self._active:
            self._active.remove(training)
        self._checkpoints.remove(training.runs)
        for run in training.runs:
            self._claims.give_back(run)

    def _show(self) -> None:
        start = time.monotonic()
        self._sink.show([result for training in self._training for result in training.results(over=False)])
        now = time.monotonic()
        self._show_at = now + max(SHOW_EVERY, (now - start) / SHOW_SHARE)


def device_of(slot: int) -> tuple[str, str] | None:
    """Return the torch device of a worker and its name; None where there are more workers than GPUs."""
    import torch

    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        return "cpu", "cpu"
    if slot >= torch.cuda.device_count():
        return None
    return f"cuda:{slot}", torch.cuda.get_device_name(slot)
