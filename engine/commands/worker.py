"""The command of a worker process, which other commands and pages start: `worker`."""

import argparse
from contextlib import suppress

from engine.queue.crashes import Deaths
from engine.queue.jobs import SLOT_TAKEN, Queue


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `worker` to the commands of a parser."""
    worker = commands.add_parser("worker", help="train what is queued; other commands start it")
    worker.add_argument("--slot", type=int, required=True)
    worker.add_argument("--linger", type=float, default=0.0)
    worker.set_defaults(run=_worker)


def _worker(options: argparse.Namespace) -> int:
    from store.db.errors import StoreError
    from store.home import open_database
    from store.results.spool import PatientSpool, ingest

    db = open_database()
    queue = Queue(db.home)
    with queue.slot(options.slot) as free:
        if not free:
            return SLOT_TAKEN
        deaths = Deaths(db.home)
        deaths.examine(options.slot)  # before torch is loaded: the sooner, the surer what ended the last one
        deaths.listen(options.slot)
        from engine.queue.worker import Worker, device_of

        device = device_of(options.slot)
        if device is not None:
            spool = PatientSpool(db, f"worker-{options.slot}")
            worker = Worker(queue, spool, options.slot, *device)
            worker.work(options.linger, own_process=True)
            worker.close()
            with suppress(StoreError):  # what cannot be taken in now, waits in the spool
                spool.close()
                ingest(db)
    return 0
