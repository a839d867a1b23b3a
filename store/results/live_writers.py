"""Which workers live: each holds the lock on a file of its name, which the system frees when the worker dies."""

import os
import time
from pathlib import Path

from engine.base.language import _
from engine.base.locks import locked
from store.db.connection import Database
from store.db.errors import StoreError, in_words

NAME_WAIT = 1.0
"""Seconds to wait for a name: a reader that asks whether its worker lives locks it for a moment."""
_SUFFIXES = (".arrow", ".json", ".lock")
"""Of the files of a worker: what it has in training, the same as older versions wrote it, its lock."""


def lock_name(lock: Path) -> int:
    """Lock a worker's name for as long as the process lives; return the open lock file.

    Raises: StoreError: where a living worker has the name.
    """
    deadline = time.monotonic() + NAME_WAIT
    while time.monotonic() < deadline:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        if locked(handle, wait=deadline - time.monotonic()) and _is_at(lock, handle):
            return handle
        os.close(handle)  # taken, or removed just now as that of a dead worker
    raise StoreError(_("A worker called {name} is already at work: give this one another name.", name=lock.stem))


def live_files(db: Database) -> list[Path]:
    """Return where the living workers show what they have in training."""
    with in_words(db.file):
        return [lock.with_suffix(".arrow") for lock in sorted(db.live.glob("*.lock")) if _is_held(lock)]


def clear_dead(db: Database) -> None:
    """Remove the files of dead workers."""
    with in_words(db.file):
        for stem in {path.with_suffix("") for path in db.live.iterdir() if path.suffix in _SUFFIXES}:
            _clear_unless_living(stem)


def _is_at(path: Path, handle: int) -> bool:
    """Whether an open file still stands at `path`."""
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("rb") as opened:
            return not locked(opened.fileno(), shared=True)  # shared: two readers must not take each other for a worker
    except FileNotFoundError:
        return False


def _clear_unless_living(stem: Path) -> None:
    lock, live, old = (stem.with_name(stem.name + suffix) for suffix in (".lock", ".arrow", ".json"))
    try:
        opened = lock.open("r+b")
    except FileNotFoundError:
        for rest in (live, old):
            rest.unlink(missing_ok=True)
        return
    with opened:
        if locked(opened.fileno()):
            for rest in (live, live.with_name(live.name + ".tmp"), old, lock):
                rest.unlink(missing_ok=True)
