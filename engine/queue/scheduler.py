"""Whose turn it is in a worker: the job that has had least time, and in it the bucket that has come least far."""

from collections.abc import Sequence

from engine.queue.jobs import Job
from engine.train.bucket import Training


class Turns:
    """The buckets that one worker advances in turn, by job: many sweeps share the machine fairly."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._buckets: dict[str, list[Training]] = {}

    def between(self, jobs: Sequence[Job], training: Sequence[Training]) -> None:
        """Take turns between these jobs, and no others, from now on; a bucket may belong to several.

        A job just come, or back from a pause, has had as much as the one that has had least: it neither waits for
        what others have had, nor makes them wait for what it missed.
        """
        least = min((self._spent[job_id] for job_id in self._buckets), default=0.0)
        found = {job.id: [each for each in training if any(run.key in job.keys for run in each.runs)] for job in jobs}
        self._buckets = {job_id: buckets for job_id, buckets in found.items() if buckets}
        before = self._spent
        self._spent = {job.id: before.get(job.id, 0.0) for job in jobs}
        for job_id in self._buckets:
            self._spent[job_id] = max(self._spent[job_id], least)

    def spent(self, job: Job) -> float:
        """Return the seconds that a job has had, or begins from."""
        return self._spent.get(job.id, 0.0)

    def next(self) -> tuple[str, Training] | None:
        """Return whose turn it is, and the bucket to advance; None when there is nothing to do."""
        if not self._buckets:
            return None
        job_id = min(self._buckets, key=lambda each: self._spent[each])
        return job_id, min(self._buckets[job_id], key=lambda each: each.measured)

    def took(self, job_id: str, seconds: float) -> None:
        """Note what a turn has taken; of a job that has gone meanwhile nothing is left to note."""
        if job_id in self._spent:
            self._spent[job_id] += seconds
