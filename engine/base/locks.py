"""Locks on files that the system lets go when their owner dies, a killed one's too: the one place that locks."""

import fcntl
import time
from collections.abc import Callable

_PAUSE, _LONGEST = 0.001, 0.01
"""Seconds between tries: the first, and at most."""


def locked(handle: int, *, shared: bool = False, wait: float = 0.0) -> bool:
    """Lock an open file for this handle; return whether it came within `wait` seconds.

    `shared`: together with other shared ones. Another handle of this process excludes too. Closing the handle frees it.
    """
    return _came(wait, lambda kind: fcntl.flock(handle, kind), shared)


def locked_byte(handle: int, place: int, *, wait: float = 0.0) -> bool:
    """Lock one byte of an open file for this process; return whether it came within `wait` seconds.

    The byte need not be there. Closing any handle of this process to the file frees all its bytes.
    """
    return _came(wait, lambda kind: fcntl.lockf(handle, kind, 1, place), shared=False)


def free_byte(handle: int, place: int) -> None:
    """Free one byte that this process has locked."""
    fcntl.lockf(handle, fcntl.LOCK_UN, 1, place)


def _came(wait: float, take: Callable[[int], None], shared: bool) -> bool:
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline, pause = time.monotonic() + wait, _PAUSE
    while True:
        try:
            take(kind)
        except (BlockingIOError, PermissionError):  # the second is what lockf may raise of a byte that is taken
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)
        else:
            return True
