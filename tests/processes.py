"""Finding the processes of one store, for tests that count or kill them."""

from pathlib import Path

import psutil


def workers(home: Path) -> set[int]:
    """Return the process ids of the workers of the store in `home`."""
    return _processes(home, "worker")


def servers(home: Path) -> set[int]:
    """Return the process ids of the apps on the store in `home`."""
    return _processes(home, "app.py")


def _processes(home: Path, argument: str) -> set[int]:
    found = set()
    for pid in psutil.pids():
        try:
            process = psutil.Process(pid)
            if argument in process.cmdline()[1:] and process.environ().get("SCALESCOPE_HOME") == str(home):
                found.add(pid)
        except (psutil.Error, OSError):  # it has just ended, or is another user's
            continue
    return found
