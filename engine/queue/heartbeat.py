"""What a worker leaves in files for others to see: who it is, what it has in training, and a pulse."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.plan.memory import oom_kills

BEAT = 0.1
"""Seconds between two beats of a worker's pulse."""

STILL = 30.0
"""Seconds after which a worker whose pulse stands still is taken for hung, by the clock of who looks."""

LOOKS = 10
"""Looks that these seconds take at least: whoever looks may have been asleep itself, the worker with it."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a worker has left in its slot."""

    slot: int
    pid: int
    start: int
    """What `started` said of the process: an id comes again, both together do not."""
    beat: int
    oom: int
    """What engine.plan.memory.oom_kills said at that beat."""
    now: int
    """The number of the bucket that was being trained; −1 when none was."""
    buckets: Mapping[int, tuple[str, ...]]
    """Keys of the runs of every bucket in training, by number."""
    waits: str
    """A sentence on a run that waits for memory; "" when none does."""

    @property
    def alive(self) -> bool:
        """Whether this process runs; a zombie does not, and one of another user that is hidden from us does."""
        try:
            return started(self.pid) == self.start
        except psutil.AccessDenied:
            return True

    def end(self) -> None:
        """Kill the process, if it is this one still."""
        with suppress(OSError, psutil.AccessDenied):  # ended by itself, or another user's
            if started(self.pid) == self.start:
                os.kill(self.pid, signal.SIGKILL)


class Post:
    """The files of a worker in its slot, beside the lock that makes it its own."""

    def __init__(self, home: Path, slot: int, kills: Callable[[], int] = oom_kills) -> None:
        """`kills`: how many processes the system has killed for lack of memory so far."""
        self._state, self._pulse = _paths(home, slot)
        self._kills = kills
        self._who = (os.getpid(), started(os.getpid()) or 0)
        self._beat, self._oom, self._now = 0, kills(), -1
        self._left = ""
        self.keys = frozenset[str]()
        """Of the runs in training, as told last."""
        self._writing, self._over = threading.Lock(), threading.Event()
        self._file = -1
        with suppress(OSError):  # without a pulse it trains as well
            self._file = os.open(self._pulse, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._write()

    def begin(self, each: Callable[[], None]) -> None:
        """Beat from now on, in a thread of its own that also calls `each` at every beat."""
        threading.Thread(target=self._run, args=(each,), name="pulse", daemon=True).start()

    def tell(self, buckets: Mapping[int, Sequence[str]], waits: str = "") -> None:
        """Leave which runs are in training, by the number of their bucket, and what one waits for.

        On a full disk the word before stays.
        """
        self.keys = frozenset(key for keys in buckets.values() for key in keys)
        pid, start = self._who
        left = json.dumps({"pid": pid, "start": start, "waits": waits, "buckets": dict(buckets)})
        if left != self._left:
            with suppress(OSError):
                replace(self._state, left)
                self._left = left

    def at(self, number: int) -> None:
        """Leave which bucket is being trained from now on."""
        if number != self._now:
            self._now = number
            self._write()

    def close(self) -> None:
        """Take away all: who leaves so has not died over a bucket."""
        self._over.set()
        with self._writing:
            for path in (self._state, self._pulse):
                with suppress(OSError):
                    path.unlink()
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _run(self, each: Callable[[], None]) -> None:
        while not self._over.wait(BEAT):
            self._beat += 1
            if self._beat % 5 == 0:
                self._oom = self._kills()
            self._write()
            with suppress(Exception):  # whatever a look meets, the heart goes on
                each()

    def _write(self) -> None:
        with self._writing:
            if self._file >= 0:
                numbers = (*self._who, self._beat, self._oom, self._now)
                with suppress(OSError):
                    os.pwrite(self._file, " ".join(map(str, numbers)).ljust(100).encode(), 0)


def seen(home: Path, slot: int) -> Seen | None:
    """Return what the worker of a slot has left, be it alive or dead; None where there is nothing of sense."""
    state, pulse = _paths(home, slot)
    try:
        pid, start, beat, oom, now = map(int, pulse.read_bytes().split())
    except (OSError, ValueError):
        return None
    buckets, waits = dict[int, tuple[str, ...]](), ""
    try:
        left = json.loads(state.read_bytes())
        if (left["pid"], left["start"]) == (pid, start):  # else of one before it
            buckets = {int(number): tuple(map(str, keys)) for number, keys in left["buckets"].items()}
            waits = str(left["waits"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return Seen(slot=slot, pid=pid, start=start, beat=beat, oom=oom, now=now, buckets=buckets, waits=waits)


def forget(home: Path, slot: int) -> None:
    """Take away what a dead worker left."""
    for path in _paths(home, slot):
        with suppress(OSError):
            path.unlink()


class Watch:
    """Finds workers that live and do not move, by the clock of this process alone; call it once a second or so."""

    def __init__(self, home: Path, still: float = STILL) -> None:
        """`still`: seconds without a beat after which a worker is ended."""
        self._home, self._still = home, still
        self._last: dict[int, tuple[Seen, float, float]] = {}

    def look(self, slot: int) -> bool:
        """Look at the worker of a slot; returns whether it stood still for so long that it was ended.

        A gap between two looks counts little: a suspended laptop or a frozen container stops both sides.
        """
        found, now = seen(self._home, slot), time.monotonic()
        if found is None:
            self._last.pop(slot, None)
            return False
        before, at, still = self._last.get(slot, (found, now, 0.0))
        moved = (found.pid, found.start, found.beat) != (before.pid, before.start, before.beat)
        still = 0.0 if moved else still + min(now - at, self._still / LOOKS)
        self._last[slot] = (found, now, still)
        if still < self._still or not found.alive:
            return False
        found.end()
        self._last.pop(slot, None)
        return True


def started(pid: int) -> int | None:
    """Return a number made of a process's id and of when it started; None where it has ended, a zombie included.

    It is the same for everyone who asks, whatever becomes of the system's clock: psutil tells processes apart by a
    time that nobody sets, while its create_time() changes with the clock.
    Raises: psutil.AccessDenied: where the system does not say, about another user's process.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else hash(process)
    except (psutil.NoSuchProcess, OSError, ValueError):
        return None


def replace(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a file that is there whole or not at all, one writer at a time; `durable`: it outlives a power cut."""
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w") as file:
            file.write(text)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _paths(home: Path, slot: int) -> tuple[Path, Path]:
    folder = home / "queue"
    return folder / f"worker-{slot}.json", folder / f"worker-{slot}.pulse"
