"""Which runs are in training, by locks that the kernel lets go when their owner dies, a zombie's too."""

import fcntl
import time
from pathlib import Path

from engine.spec.run import RunSpec

_WHOLE = 2**60
"""The byte that stands for all memory, beyond those of runs."""


class Claims:
    """Which runs are in training: a locked byte of one file per run, let go by the kernel if the owner dies.

    The lock belongs to the process; make one Claims per process.
    """

    def __init__(self, home: Path) -> None:
        self._file = (home / "queue" / "claims.lock").open("a+b")

    def take(self, run: RunSpec) -> bool:
        """Return whether this process may train `run`: nobody else does."""
        return locked(self._file.fileno(), self._place(run))

    def give_back(self, run: RunSpec) -> None:
        """Let others train `run`."""
        fcntl.lockf(self._file.fileno(), fcntl.LOCK_UN, 1, self._place(run))

    def take_all(self) -> bool:
        """Return whether this process may train a run for which its share of the memory is too small."""
        return locked(self._file.fileno(), _WHOLE)

    def give_back_all(self) -> None:
        """Let others train such a run."""
        fcntl.lockf(self._file.fileno(), fcntl.LOCK_UN, 1, _WHOLE)

    def close(self) -> None:
        """Give back all claims."""
        self._file.close()

    @staticmethod
    def _place(run: RunSpec) -> int:
        return int(run.key[:15], 16)  # 60 bits: offsets must fit a signed 64-bit number


def locked(descriptor: int, place: int | None = None, *, wait: float = 0.0) -> bool:
    """Take an exclusive lock on a file, or on one byte of it; returns whether it came within `wait` seconds."""
    deadline = time.monotonic() + wait
    while True:
        try:
            if place is None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True
