"""Stores in homes of their own, without the gallery, made once and copied; and training in the test's own process."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from engine.queue.jobs import Queue
from store.db.connection import Database
from store.home import open_database
from store.results.spool import Spool


def fresh(home: Path, fill: Callable[[Database], object] | None = None) -> Database:
    """Return a store in `home`, an empty one or what `fill` makes of an empty one; both are made once per process.

    `fill` may leave other files in the home too. It must not leave a worker, which would be dead in every copy.
    """
    home.mkdir(parents=True, exist_ok=True)
    for path, content in _made(fill).items():
        if content is None:
            (home / path).mkdir(exist_ok=True)
        else:
            (home / path).write_bytes(content)
    return Database(home)


def train_queued(home: Path) -> None:
    """Train all that is queued in `home` in this process: a worker's own would first take seconds to load torch."""
    from engine.queue.worker import Worker  # loads torch, which no process that a test starts here waits for

    spool = Spool(Database(home), "here")
    worker = Worker(Queue(home), spool, 0, "cpu", "cpu")
    worker.work(linger=0.0)
    worker.close()
    spool.close()


@cache
def _made(fill: Callable[[Database], object] | None) -> dict[Path, bytes | None]:
    """Return each folder and file of a home by its path; of a folder there is no content."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALESCOPE_GALLERY", folder)
        home = Path(folder) / "home"
        if fill is None:
            open_database(home)
        else:
            fill(fresh(home))
        found = sorted(home.rglob("*"))
        return {path.relative_to(home): None if path.is_dir() else path.read_bytes() for path in found}
