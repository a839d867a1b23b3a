"""Finding the processes of one store, for tests that count or kill them."""

from pathlib import Path


def workers(home: Path) -> set[int]:
    """Return the process ids of the workers of the store in `home`."""
    return _processes(home, b"\0worker\0")


def servers(home: Path) -> set[int]:
    """Return the process ids of the apps on the store in `home`."""
    return _processes(home, b"\0app.py\0")


def _processes(home: Path, argument: bytes) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if argument in command and f"SCALESCOPE_HOME={home}\0".encode() in environment:
                found.add(int(entry.name))
    return found
