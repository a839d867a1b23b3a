"""What a worker claims next: buckets that a job wants, that nobody trains, and for which there is memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.plan import buckets, cost
from engine.queue.crashes import Crashes
from engine.queue.jobs import Job, Queue
from engine.queue.locks import Claims
from engine.queue.memory_share import MemoryShare
from engine.queue.sink import Sink
from engine.spec.run import RunSpec
from engine.train.bucket import TrainingBucket

HORIZON = 60.0
"""Predicted seconds of work that one worker has in training at once: a kill loses no more, and less of long runs."""

MOST_RUNS = 1000
"""Runs that one worker has in training at once, beside the first bucket of each job: bounds its memory."""


@dataclass(kw_only=True)
class _Load:
    """What a worker has in training, and has claimed to train next."""

    keys: set[str]
    seconds: float
    """Predicted seconds of all this work."""
    suspect: bool
    """Whether workers have crashed over one of its runs: then nothing else may train beside it."""

    @property
    def full(self) -> bool:
        """Whether this is enough for one worker."""
        return self.seconds >= HORIZON or len(self.keys) >= MOST_RUNS


class Intake:
    """Chooses and claims the buckets of one worker."""

    def __init__(
        self, queue: Queue, sink: Sink, slot: int, *, claims: Claims, crashes: Crashes, memory: MemoryShare
    ) -> None:
        self._queue, self._sink, self._slot = queue, sink, slot
        self._claims, self._crashes, self._memory = claims, crashes, memory
        self._plans = dict[str, list[buckets.Bucket]]()

    def claim(
        self, training: Sequence[TrainingBucket], seconds_had: Callable[[Job], float], *, others: bool
    ) -> list[list[RunSpec]]:
        """Claim runs to train beside `training`, and return them by bucket; remove jobs that are done.

        The job that has had least time comes first, by `seconds_had`. `others`: of other workers' shares as well.
        """
        self._memory.refresh()
        jobs = [job for job in self._queue.jobs() if not self._queue.paused(job)]
        if not jobs:
            return []
        wanted = {run.key: run for job in jobs for run in job.runs}
        unsettled = {run.key for run in self._sink.unsettled(list(wanted.values()))}
        load = self._load(training)
        claimed = list[list[RunSpec]]()
        for job in sorted(jobs, key=seconds_had):
            if unsettled.isdisjoint(job.keys):
                self._queue.remove(job.id)
            else:
                claimed += self._claim_of_job(job, unsettled, load, others)
        return claimed

    def forget_plans(self, but: Sequence[Job]) -> None:
        """Forget how the runs of jobs were cut into buckets, except for these jobs."""
        self._plans = {job.id: self._plans[job.id] for job in but if job.id in self._plans}

    def _load(self, training: Sequence[TrainingBucket]) -> _Load:
        runs = [run for bucket in training for run in bucket.runs]
        return _Load(
            keys={run.key for run in runs},
            seconds=sum(cost.run_seconds(run) for run in runs),
            suspect=self._crashes.suspects(runs),
        )

    def _claim_of_job(self, job: Job, unsettled: set[str], load: _Load, others: bool) -> list[list[RunSpec]]:
        """Claim buckets of one job until the load is full, and at least the first bucket of a job that has none."""
        claimed = list[list[RunSpec]]()
        has_some = not job.keys.isdisjoint(load.keys)
        for bucket in self._candidates(job, others):
            if has_some and load.full:
                break
            wanted = [run for run in bucket.runs if run.key in unsettled and run.key not in load.keys]
            claimed += (parts := self._claim_of_bucket(bucket, wanted, load))
            has_some = has_some or bool(parts)
        return claimed

    def _claim_of_bucket(self, bucket: buckets.Bucket, wanted: Sequence[RunSpec], load: _Load) -> list[list[RunSpec]]:
        """Claim the `wanted` runs of a bucket that may train beside the load, and add them to it."""
        claimed = list[list[RunSpec]]()
        for part in self._crashes.parts(wanted) if wanted else ():
            suspect = self._crashes.suspects(part)
            if load.keys and (suspect or load.suspect):
                continue
            fitting = self._memory.fitting(part, alone=not load.keys)
            if runs := [run for run in fitting if self._claims.take(run)]:
                claimed.append(runs)
                self._memory.reserve(runs)
                load.keys.update(run.key for run in runs)
                load.seconds += bucket.seconds * len(runs) / len(bucket.runs)
                load.suspect = suspect
        return claimed

    def _candidates(self, job: Job, others: bool) -> list[buckets.Bucket]:
        """Return the buckets of a job, the shortest first: what is soon done is soon safe."""
        workers = buckets.worker_count()
        if job.id not in self._plans:
            self._plans[job.id] = buckets.buckets(job.runs, workers)
        planned = self._plans[job.id]
        return (planned if others else buckets.share(planned, workers, self._slot))[::-1]
