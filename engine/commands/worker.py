"""The command of a worker process, which other commands and pages start: `worker`."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.base.language import _
from engine.queue.crashes import Crashes
from engine.queue.jobs import Queue
from engine.queue.locks import slot_lock
from engine.queue.supervisor import SLOT_TAKEN
from store.commands.frame import Commands


def add_command(commands: Commands) -> None:
    """Add `worker` to the commands of a parser."""
    worker = commands.add_parser("worker", help=_("train what is queued; other commands start it"))
    worker.add_argument("--slot", type=int, required=True)
    worker.add_argument("--linger", type=float, default=0.0)
    worker.set_defaults(run=_worker)


class _WithoutPandas:
    """Finds no pandas, and leaves all else to the finders that follow."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for pandas."""
        if name == "pandas":
            raise ModuleNotFoundError("a worker does without pandas", name=name)


@contextmanager
def _without_pandas() -> Iterator[None]:
    """Keep pyarrow and DuckDB from loading pandas, to ask of values whether they are frames: no worker has any.

    It would be a tenth of a worker's start and 40 MB of its memory.
    """
    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@_without_pandas()
def _worker(options: argparse.Namespace) -> int:
    from store.db.errors import StoreError
    from store.home import open_database
    from store.results.spool import PatientSpool, ingest

    db = open_database()
    queue = Queue(db.home)
    with slot_lock(db.home, options.slot) as free:
        if not free:
            return SLOT_TAKEN
        crashes = Crashes(db.home)
        crashes.examine(options.slot)  # before torch is loaded: the sooner, the surer what ended the last worker
        crashes.log_faults(options.slot)
        from engine.queue.worker import Worker, device_of

        device = device_of(options.slot)
        if device is not None:
            spool = PatientSpool(db, f"worker-{options.slot}")
            worker = Worker(queue, spool, options.slot, *device)
            worker.work(options.linger, own_process=True)
            worker.close()
            with suppress(StoreError):  # what cannot be ingested now waits in the spool
                spool.close()
                ingest(db)
    return 0
