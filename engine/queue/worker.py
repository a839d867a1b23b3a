"""What a worker process does: claims buckets, trains them by turns so that all advance, hands results to a sink."""

import time
from collections.abc import Callable

from engine.plan import memory
from engine.queue.crashes import Crashes
from engine.queue.heartbeat import Heartbeat
from engine.queue.intake import Intake
from engine.queue.jobs import Queue
from engine.queue.locks import Claims
from engine.queue.memory_share import MemoryShare
from engine.queue.scheduler import Scheduler
from engine.queue.sink import Sink
from engine.queue.watchdog import Watchdog
from engine.spec.result import RunResult, RunState
from engine.spec.run import RunSpec
from engine.train.bucket import TrainingBucket
from engine.train.checkpoint import Checkpoint, Checkpoints

SHOW_EVERY, SHOW_SHARE = 0.5, 0.05
"""Seconds between two shows of the runs in training: more where showing takes over this share of the time."""

IDLE = 0.1
"""Seconds between looks at the queue when there is nothing to do."""


class Worker:
    """The buckets that one process has in training, advanced by turns."""

    def __init__(
        self,
        queue: Queue,
        sink: Sink,
        slot: int,
        device: str,
        device_name: str,
        kills: Callable[[], int] = memory.oom_kills,
    ) -> None:
        """`kills`: see engine.queue.heartbeat.Heartbeat."""
        self._queue, self._sink = queue, sink
        self._device, self._device_name = device, device_name
        self._claims, self._crashes = Claims(queue.home), Crashes(queue.home)
        self._heartbeat, self._watchdog = Heartbeat(queue.home, slot, kills), Watchdog(queue, slot)
        self._memory = MemoryShare(device, self._claims)
        self._intake = Intake(queue, sink, slot, claims=self._claims, crashes=self._crashes, memory=self._memory)
        self._checkpoints = Checkpoints(home=queue.home, device=device)
        self._training: list[TrainingBucket] = []
        self._numbers = dict[TrainingBucket, int]()
        self._begun = 0
        self._scheduler, self._revision = Scheduler(), -2
        self._shown = set[str]()
        self._show_at = 0.0

    def work(self, linger: float, *, own_process: bool = False) -> None:
        """Train until no job has a run left that nobody trains, and for `linger` seconds more.

        `own_process`: this process may be ended when all that is in training is cancelled and a step takes long.
        """
        last_busy = time.monotonic()
        self._heartbeat.start(lambda: self._watchdog.check(self._revision, self._heartbeat, may_leave=own_process))
        while self._queue.revision() != -1:
            if self._queue.revision() != self._revision:
                self._revision = self._queue.revision()
                self._drop_unwanted()
                self._claim_more()
            if turn := self._scheduler.next():
                self._advance(*turn)
                last_busy = time.monotonic()
            elif self._training:
                time.sleep(IDLE)  # paused
            elif not self._claim_more():
                if time.monotonic() - last_busy >= linger and not self._memory.waits:
                    break
                time.sleep(IDLE)
            if time.monotonic() >= self._show_at:
                self._show()
        self._show()

    def close(self) -> None:
        """Give back all claims."""
        self._heartbeat.close()
        self._claims.close()

    def _advance(self, job_id: str, bucket: TrainingBucket) -> None:
        begin = time.monotonic()
        self._heartbeat.set_current(self._numbers[bucket])
        try:
            going_on = bucket.advance()
        except Exception as error:
            self._fail(bucket, error)
            return
        finally:
            self._scheduler.charge(job_id, time.monotonic() - begin)
        if bucket.measured and job_id not in self._shown:
            self._shown.add(job_id)
            self._show_at = 0.0  # whoever has just asked for it sees the first points at once
        if going_on:
            bucket.save_if_due(self._checkpoints)
        else:
            self._sink.put(bucket.results(over=True))
            self._crashes.forget(bucket.runs)
            self._drop(bucket)
            self._claim_more()

    def _fail(self, bucket: TrainingBucket, error: Exception) -> None:
        """Train the runs of a broken bucket one by one; the one that fails alone is the one at fault."""
        self._remove(bucket)
        if len(bucket.runs) > 1 or bucket.resumed:  # from the start
            for run in bucket.runs:
                self._train((run,))
            self._reschedule()
            return
        (run,) = bucket.runs
        self._fail_run(run, f"{type(error).__name__}: {error}")

    def _fail_run(self, run: RunSpec, reason: str) -> None:
        self._sink.put([RunResult(spec=run, state=RunState.FAILED, error=reason, device=self._device_name)])
        self._crashes.forget((run,))
        self._claims.give_back(run)
        self._reschedule()

    def _claim_more(self) -> bool:
        """Begin buckets of this worker's share up to the horizon; with nothing to do, those that others have not begun.

        Return whether any run that was claimed had no result yet.
        """
        begun = self._begin(self._intake.claim(self._training, self._scheduler.seconds, others=False))
        if not self._training:
            begun = self._begin(self._intake.claim(self._training, self._scheduler.seconds, others=True))
        self._reschedule()
        return begun

    def _begin(self, claimed: list[list[RunSpec]]) -> bool:
        """Train what is claimed, except for runs that another worker finished just before the claim."""
        if not claimed:
            return False
        unsettled = {run.key for run in self._sink.unsettled([run for runs in claimed for run in runs])}
        for runs in claimed:
            going = []
            for run in runs:
                if run.key not in unsettled:
                    self._claims.give_back(run)
                elif reason := self._crashes.reason_to_fail(run):
                    self._fail_run(run, reason)
                else:
                    going.append(run)
            for part, checkpoint in self._checkpoints.parts(going):
                self._train(part, checkpoint)
        return bool(unsettled)

    def _train(self, runs: tuple[RunSpec, ...], checkpoint: Checkpoint | None = None) -> None:
        bucket = TrainingBucket(runs, self._device, self._device_name, checkpoint)
        self._training.append(bucket)
        self._begun += 1
        self._numbers[bucket] = self._begun
        self._memory.begin(runs)

    def _drop_unwanted(self) -> None:
        """Drop the buckets that no job asks for any more."""
        jobs = self._queue.jobs()
        wanted = frozenset[str]().union(*(job.keys for job in jobs))
        self._intake.forget_plans(but=jobs)
        for bucket in list(self._training):
            if not any(run.key in wanted for run in bucket.runs):
                self._drop(bucket)
        self._checkpoints.clear(wanted)

    def _reschedule(self) -> None:
        """Share turns among what is in training, except for buckets whose every job is paused; publish it."""
        self._scheduler.schedule([job for job in self._queue.jobs() if not self._queue.paused(job)], self._training)
        keys = {self._numbers[bucket]: [run.key for run in bucket.runs] for bucket in self._training}
        self._heartbeat.publish(keys, self._memory.waits)

    def _drop(self, bucket: TrainingBucket) -> None:
        self._remove(bucket)
        for run in bucket.runs:
            self._claims.give_back(run)

    def _remove(self, bucket: TrainingBucket) -> None:
        """Take a bucket out of training, and remove its checkpoint, which is of no use any more."""
        self._checkpoints.remove(bucket.runs)
        self._training.remove(bucket)
        del self._numbers[bucket]
        self._memory.end(bucket.runs)

    def _show(self) -> None:
        start = time.monotonic()
        self._sink.show([result for bucket in self._training for result in bucket.results(over=False)])
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
