"""The locks of workers: on the runs that they train, and on the slot that each of them has."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.base.locks import free_byte, locked, locked_byte
from engine.spec.run import RunSpec

SLOT_WAIT = 0.3
"""Seconds that a new worker waits for its slot: a process that checks whether the slot is free holds it for a moment.
"""

_ALL_MEMORY = 2**60
"""The byte that stands for all memory; the bytes of runs lie below it."""


class Claims:
    """Which runs are in training: a locked byte of one file per run, freed by the kernel when the owner dies.

    The locks belong to the process; make one Claims per process.
    """

    def __init__(self, home: Path) -> None:
        self._file = (home / "queue" / "claims.lock").open("a+b")

    def take(self, run: RunSpec) -> bool:
        """Return whether this process may train `run`: no other process does."""
        return locked_byte(self._file.fileno(), _byte(run))

    def give_back(self, run: RunSpec) -> None:
        """Let other processes train `run`."""
        free_byte(self._file.fileno(), _byte(run))

    def take_all_memory(self) -> bool:
        """Return whether this process may train a run that needs more than its share of the memory."""
        return locked_byte(self._file.fileno(), _ALL_MEMORY)

    def give_back_all_memory(self) -> None:
        """Let other processes train such a run."""
        free_byte(self._file.fileno(), _ALL_MEMORY)

    def close(self) -> None:
        """Give back all claims."""
        self._file.close()


def _byte(run: RunSpec) -> int:
    return int(run.key[:15], 16)  # 60 bits: offsets must fit a signed 64-bit number


@contextmanager
def slot_lock(home: Path, slot: int) -> Iterator[bool]:
    """Hold a worker's slot inside the `with` block; yield False when another process holds it."""
    with _slot_file(home, slot).open("a") as file:
        yield locked(file.fileno(), wait=SLOT_WAIT)


def slot_is_free(home: Path, slot: int) -> bool:
    """Return whether no process holds a slot."""
    try:
        with _slot_file(home, slot).open("a") as file:
            return locked(file.fileno())  # closing the file frees the lock at once
    except OSError:
        return False  # something else has this name


def _slot_file(home: Path, slot: int) -> Path:
    return home / "queue" / f"worker-{slot}.lock"
