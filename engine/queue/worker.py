"""What a worker process does: claim buckets, train them in turn so that all move, hand results to a sink."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from engine.plan import buckets, cost, memory
from engine.queue.crashes import Deaths
from engine.queue.heartbeat import Post
from engine.queue.jobs import Job, Queue
from engine.queue.locks import Claims
from engine.queue.memory_share import Room
from engine.queue.scheduler import Turns
from engine.queue.watchdog import Lookout
from engine.spec.result import RunResult, RunState
from engine.spec.run import RunSpec
from engine.train.bucket import Training
from engine.train.checkpoint import Checkpoint, Checkpoints

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

    def __init__(
        self,
        queue: Queue,
        sink: Sink,
        slot: int,
        device: str,
        device_name: str,
        kills: Callable[[], int] = memory.oom_kills,
    ) -> None:
        """`kills`: see engine.queue.heartbeat.Post."""
        self._queue, self._sink, self._slot = queue, sink, slot
        self._device, self._device_name = device, device_name
        self._claims, self._deaths = Claims(queue.home), Deaths(queue.home)
        self._post, self._lookout = Post(queue.home, slot, kills), Lookout(queue, slot)
        self._room = Room(device, self._claims)
        self._checkpoints = Checkpoints(home=queue.home, device=device)
        self._training: list[Training] = []
        self._numbers = dict[Training, int]()
        self._begun = 0
        self._turns, self._revision = Turns(), -2
        self._plans = dict[str, list[buckets.Bucket]]()
        self._shown = set[str]()
        self._show_at = 0.0

    def work(self, linger: float, *, own_process: bool = False) -> None:
        """Train until no job has a run left that nobody trains, and `linger` seconds beyond.

        `own_process`: it may be ended when all that is in training is cancelled and a step takes long.
        """
        last_busy = time.monotonic()
        self._post.begin(lambda: self._lookout.look(self._revision, self._post, may_leave=own_process))
        while self._queue.revision() != -1:
            if self._queue.revision() != self._revision:
                self._revision = self._queue.revision()
                self._drop_unwanted()
                self._adopt()
            if turn := self._turns.next():
                self._advance(*turn)
                last_busy = time.monotonic()
            elif self._training:
                time.sleep(IDLE)  # paused
            elif not self._adopt():
                if time.monotonic() - last_busy >= linger and not self._room.waits:
                    break
                time.sleep(IDLE)
            if time.monotonic() >= self._show_at:
                self._show()
        self._show()

    def close(self) -> None:
        """Give back all claims."""
        self._post.close()
        self._claims.close()

    def _advance(self, job_id: str, training: Training) -> None:
        begin = time.monotonic()
        self._post.at(self._numbers[training])
        try:
            going_on = training.advance()
        except Exception as error:
            self._fail(training, error)
            return
        finally:
            self._turns.took(job_id, time.monotonic() - begin)
        if training.measured and job_id not in self._shown:
            self._shown.add(job_id)
            self._show_at = 0.0  # who has just asked sees the first points at once
        if going_on:
            training.keep(self._checkpoints)
        else:
            self._sink.put(training.results(over=True))
            self._deaths.forget(training.runs)
            self._forget(training)
            self._adopt()

    def _fail(self, training: Training, error: Exception) -> None:
        """Train the runs of a broken bucket one by one; the one that fails alone is the one at fault."""
        self._remove(training)
        if len(training.runs) > 1 or training.resumed:  # from the start
            for run in training.runs:
                self._train((run,))
            self._share_out()
            return
        (run,) = training.runs
        self._give_up(run, f"{type(error).__name__}: {error}")

    def _give_up(self, run: RunSpec, reason: str) -> None:
        self._sink.put([RunResult(spec=run, state=RunState.FAILED, error=reason, device=self._device_name)])
        self._deaths.forget((run,))
        self._claims.give_back(run)
        self._share_out()

    def _adopt(self) -> bool:
        """Begin buckets of this worker's share up to the horizon; with nothing to do, what others have not begun."""
        begun = self._begin(self._claim(others=False))
        if not self._training:
            begun = self._begin(self._claim(others=True))
        self._share_out()
        return begun

    def _claim(self, others: bool) -> list[list[RunSpec]]:
        self._room.look()
        jobs = [job for job in self._queue.jobs() if not self._queue.paused(job)]
        if not jobs:
            return []
        asked = {run.key: run for job in jobs for run in job.runs}
        unsettled = {run.key for run in self._sink.unsettled(list(asked.values()))}
        mine = {run.key for training in self._training for run in training.runs}
        held = sum(cost.run_seconds(run) for training in self._training for run in training.runs)
        lonely = self._deaths.suspects(run for training in self._training for run in training.runs)
        claimed = list[list[RunSpec]]()
        for job in sorted(jobs, key=self._turns.spent):
            if unsettled.isdisjoint(job.keys):
                self._queue.remove(job.id)
                continue
            begun = not job.keys.isdisjoint(mine)
            for bucket in self._candidates(job, others):
                if begun and (held >= HORIZON or len(mine) >= MOST_RUNS):  # a job just come gets its first bucket
                    break
                wanted = [run for run in bucket.runs if run.key in unsettled and run.key not in mine]
                for part in self._deaths.parts(wanted) if wanted else ():
                    suspect = self._deaths.suspects(part)
                    if mine and (suspect or lonely):
                        continue
                    fitting = self._room.fitting(part, alone=not mine)
                    if runs := [run for run in fitting if self._claims.take(run)]:
                        claimed.append(runs)
                        self._room.reserve(runs)
                        mine.update(run.key for run in runs)
                        lonely = suspect
                        held, begun = held + bucket.seconds * len(runs) / len(bucket.runs), True
        return claimed

    def _candidates(self, job: Job, others: bool) -> list[buckets.Bucket]:
        """Return what to claim of a job, the shortest first: what is soon done is soon safe."""
        workers = buckets.worker_count()
        if job.id not in self._plans:
            self._plans[job.id] = buckets.buckets(job.runs, workers)
        planned = self._plans[job.id]
        return (planned if others else buckets.share(planned, workers, self._slot))[::-1]

    def _begin(self, claimed: list[list[RunSpec]]) -> bool:
        """Train what is claimed, but for runs that another worker finished just before the claim."""
        if not claimed:
            return False
        unsettled = {run.key for run in self._sink.unsettled([run for runs in claimed for run in runs])}
        for runs in claimed:
            going = []
            for run in runs:
                if run.key not in unsettled:
                    self._claims.give_back(run)
                elif verdict := self._deaths.verdict(run):
                    self._give_up(run, verdict)
                else:
                    going.append(run)
            for part, checkpoint in self._checkpoints.parts(going):
                self._train(part, checkpoint)
        return bool(unsettled)

    def _train(self, runs: tuple[RunSpec, ...], checkpoint: Checkpoint | None = None) -> None:
        training = Training(runs, self._device, self._device_name, checkpoint)
        self._training.append(training)
        self._begun += 1
        self._numbers[training] = self._begun
        self._room.keep(runs)

    def _drop_unwanted(self) -> None:
        """Forget buckets that no job asks for any more."""
        jobs = self._queue.jobs()
        wanted = frozenset[str]().union(*(job.keys for job in jobs))
        self._plans = {job.id: self._plans[job.id] for job in jobs if job.id in self._plans}
        for training in list(self._training):
            if not any(run.key in wanted for run in training.runs):
                self._forget(training)
        self._checkpoints.clear(wanted)

    def _share_out(self) -> None:
        """Take turns between what is in training, but for buckets whose every job is paused; let others see it."""
        self._turns.between([job for job in self._queue.jobs() if not self._queue.paused(job)], self._training)
        told = {self._numbers[training]: [run.key for run in training.runs] for training in self._training}
        self._post.tell(told, self._room.waits)

    def _forget(self, training: Training) -> None:
        self._remove(training)
        for run in training.runs:
            self._claims.give_back(run)

    def _remove(self, training: Training) -> None:
        """Take a bucket out of training; what it has left to go on from is of no use any more."""
        self._checkpoints.remove(training.runs)
        self._training.remove(training)
        del self._numbers[training]
        self._room.free(training.runs)

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
