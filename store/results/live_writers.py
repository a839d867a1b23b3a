"""Which workers live: each holds the lock on a file of its name, which the system lets go when it dies."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from store.db.connection import Database
from store.db.errors import StoreError, in_words


def own(lock: Path) -> int:
    """Lock a worker's name for as long as the process lives."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except (BlockingIOError, FileNotFoundError):
            pass  # a look from elsewhere holds it for a moment, or cleared it away just now
        os.close(handle)
        time.sleep(0.01)
    raise StoreError(f"A worker called {lock.stem} is already at work: give this one another name.")


def living(db: Database) -> list[Path]:
    """Return the live files of living workers, and remove those of dead ones."""
    with in_words(db.file):
        found = {
            path.with_suffix(".arrow") for path in db.live.iterdir() if path.suffix in (".arrow", ".json", ".lock")
        }
        return [path for path in sorted(found) if _is_owned(path)]


def _is_owned(path: Path) -> bool:
    """Whether the worker of a live file lives; a dead one's files are removed."""
    lock = path.with_suffix(".lock")
    try:
        handle = lock.open("r+b")
    except FileNotFoundError:
        for rest in (path, path.with_suffix(".json")):
            rest.unlink(missing_ok=True)
        return False
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look must not find each other
        except BlockingIOError:
            return True
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for rest in (path, path.with_name(path.name + ".tmp"), path.with_suffix(".json"), lock):
                rest.unlink(missing_ok=True)
    return False
