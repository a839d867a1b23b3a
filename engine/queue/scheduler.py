"""Chooses the next turn in a worker: the job that has had the least time, then its least advanced bucket."""

from collections.abc import Sequence

from engine.queue.jobs import Job
from engine.train.bucket import TrainingBucket


class Scheduler:
    """The turns of the buckets that one worker trains, by job: many sweeps share the machine fairly."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._buckets: dict[str, list[TrainingBucket]] = {}

    def schedule(self, jobs: Sequence[Job], training: Sequence[TrainingBucket]) -> None:
        """Let these jobs, and no others, take turns from now on; a bucket may belong to several.

        A job that is new, or was paused, counts as having had as much time as the job that has had least: it neither
        waits for the time that others have had, nor makes them wait for the time that it has missed.
        """
        least = min((self._seconds[job_id] for job_id in self._buckets), default=0.0)
        found = {job.id: [each for each in training if any(run.key in job.keys for run in each.runs)] for job in jobs}
        self._buckets = {job_id: buckets for job_id, buckets in found.items() if buckets}
        before = self._seconds
        self._seconds = {job.id: before.get(job.id, 0.0) for job in jobs}
        for job_id in self._buckets:
            self._seconds[job_id] = max(self._seconds[job_id], least)

    def seconds(self, job: Job) -> float:
        """Return the seconds that count as the time a job has had."""
        return self._seconds.get(job.id, 0.0)

    def next(self) -> tuple[str, TrainingBucket] | None:
        """Return the id of the job whose turn it is, and the bucket to advance; None when there is nothing to do."""
        if not self._buckets:
            return None
        job_id = min(self._buckets, key=lambda each: self._seconds[each])
        return job_id, min(self._buckets[job_id], key=lambda each: each.measured)

    def charge(self, job_id: str, seconds: float) -> None:
        """Add what a turn has taken to the time of a job; a job that is gone by now has no account."""
        if job_id in self._seconds:
            self._seconds[job_id] += seconds
