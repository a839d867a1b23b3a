"""Jobs of a sweep: the one that trains it, whether it goes on, and handing runs to the queue."""

from collections.abc import Sequence

from engine.plan import memory
from engine.queue.jobs import Job, Queue
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from pages.ui import reads, services
from pages.ui.grid import grid
from pages.ui.services import Services
from store.library import sweeps
from store.results import runs


def job_of(queue: Queue, sweep: SweepSpec) -> Job | None:
    """Return the job that trains runs of this sweep, whoever submitted it; None when there is none."""
    keys = {run.key for run in grid(sweep).runs}
    return next((job for job in queue.jobs() if not keys.isdisjoint(job.keys)), None)


def active(opened: Services, sweep: SweepSpec) -> bool:
    """Return whether anything trains this sweep or waits to: this app, another session, the command line."""
    job = job_of(opened.queue, sweep)
    return (job is not None and not opened.queue.paused(job)) or reads.progress(opened.db, sweep).training


def refusal(opened: Services, wanted: Sequence[RunSpec]) -> str:
    """Return a sentence on a run that does not fit into this machine's memory; "" where each does."""
    return memory.refusal(wanted, opened.supervisor.resident())


def train(opened: Services, sweep: SweepSpec) -> None:
    """Save the sweep, submit what is missing of it, and start workers on it."""
    services.take_in(opened.db)
    _submit(opened, sweep, runs.missing(opened.db, grid(sweep).runs))


def retry(opened: Services, sweep: SweepSpec) -> None:
    """Train the failed runs of the sweep again."""
    failed = reads.progress(opened.db, sweep).failed
    _submit(opened, sweep, [run for run in grid(sweep).runs if run.key in failed])


def _submit(opened: Services, sweep: SweepSpec, wanted: Sequence[RunSpec]) -> None:
    sweep_id = sweeps.save_sweep(opened.db, sweep)
    runs.forget_failed(opened.db, wanted)
    opened.queue.submit(sweep_id, wanted)
    opened.supervisor.tend()
