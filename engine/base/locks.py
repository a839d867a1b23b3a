"""Locks files; the system frees a lock when its owner ends, even by a kill. Nothing else locks."""

import fcntl
import time
from collections.abc import Callable

_PAUSE, _LONGEST = 0.001, 0.01
"""Seconds between tries: the first pause, and the longest."""


def locked(handle: int, *, shared: bool = False, wait: float = 0.0) -> bool:
    """Lock an open file for this handle; return whether that succeeded within `wait` seconds.

    `shared`: other shared locks are allowed beside it. Other handles of this process are locked out too. Closing the
    handle frees the lock.
    """
    return _acquired(wait, lambda kind: fcntl.flock(handle, kind), shared)


def locked_byte(handle: int, offset: int, *, wait: float = 0.0) -> bool:
    """Lock one byte of an open file for this process; return whether that succeeded within `wait` seconds.

    The byte need not exist. Closing any handle of this process to the file frees all its bytes.
    """
    return _acquired(wait, lambda kind: fcntl.lockf(handle, kind, 1, offset), shared=False)


def free_byte(handle: int, offset: int) -> None:
    """Free one byte that this process has locked."""
    fcntl.lockf(handle, fcntl.LOCK_UN, 1, offset)


def _acquired(wait: float, take: Callable[[int], None], shared: bool) -> bool:
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline, pause = time.monotonic() + wait, _PAUSE
    while True:
        try:
            take(kind)
        except (BlockingIOError, PermissionError):  # lockf may raise the second for a byte that is locked
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST)
        else:
            return True
