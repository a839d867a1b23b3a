"""The queue: jobs as files that any process may add, pause, resume or stop."""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.base.atomic import whole
from engine.queue.crashes import Crashes
from engine.spec.run import RunSpec


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
    """The jobs under `home`/queue; each process makes its own Queue, and all share the files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._folder = home / "queue" / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._loaded: dict[str, Job] = {}

    def submit(self, sweep_id: str, runs: Sequence[RunSpec]) -> str:
        """Add a job and return its id; Supervisor.tend starts workers for it."""
        job_id = f"{time.time_ns():020d}-{sweep_id}-{uuid.uuid4().hex[:8]}"
        Crashes(self.home).forget(runs)
        text = json.dumps({"sweep_id": sweep_id, "runs": [run.flat() for run in runs]})
        with whole(self._path(job_id), durable=True) as file:
            file.write(text.encode())
        return job_id

    def jobs(self) -> list[Job]:
        """Return the jobs in the queue, the oldest first."""
        ids = sorted(path.stem for path in self._folder.glob("*.json"))
        for job_id in ids:
            if job_id not in self._loaded:
                job = _load(self._path(job_id))
                if job is not None:
                    self._loaded[job_id] = job
        self._loaded = {job_id: self._loaded[job_id] for job_id in ids if job_id in self._loaded}
        return list(self._loaded.values())

    def paused(self, job: Job) -> bool:
        """Return whether a job waits for `resume`."""
        return self._path(job.id).with_suffix(".paused").exists()

    def revision(self) -> int:
        """Return a number that changes when a job is added, removed, paused or resumed; −1 when the queue is gone."""
        try:
            return self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return -1

    def pause(self, sweep_id: str) -> None:
        """Pause all jobs of a sweep, or one job: workers take no more steps of them and hold what they have."""
        for job in self._of(sweep_id):
            self._path(job.id).with_suffix(".paused").touch()

    def resume(self, sweep_id: str) -> None:
        """Let the jobs of a sweep, or one job, go on."""
        for job in self._of(sweep_id):
            self._path(job.id).with_suffix(".paused").unlink(missing_ok=True)

    def stop(self, sweep_id: str) -> None:
        """Remove the jobs of a sweep, or one job: finished runs stay, runs in training are dropped."""
        for job in self._of(sweep_id):
            self.remove(job.id)

    def remove(self, job_id: str) -> None:
        """Remove one job, because it is done or stopped."""
        self._path(job_id).unlink(missing_ok=True)
        self._path(job_id).with_suffix(".paused").unlink(missing_ok=True)

    def _of(self, sweep_id: str) -> list[Job]:
        return [job for job in self.jobs() if sweep_id in (job.sweep_id, job.id)]

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"


def _load(path: Path) -> Job | None:
    """Return the job in a file; None where the file is gone or holds no job."""
    try:
        content = json.loads(path.read_text())
        runs = tuple(RunSpec.of(flat) for flat in content["runs"])
        return Job(id=path.stem, sweep_id=str(content["sweep_id"]), runs=runs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
