"""The heartbeat of a worker: files that show other processes who it is, what it has in training, and that it moves."""

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

from engine.base.atomic import whole
from engine.plan.memory import oom_kills

BEAT = 0.1
"""Seconds between two beats of a worker."""

HUNG_AFTER = 30.0
"""Seconds without a beat after which a worker counts as hung, by the clock of the process that checks."""

LEAST_CHECKS = 10
"""Checks that these seconds take at least: the process that checks may have been asleep itself, and the worker too."""


@dataclass(frozen=True, kw_only=True)
class WorkerState:
    """What the files of a slot say about its worker."""

    slot: int
    pid: int
    start: int
    """Result of `start_stamp` for the process: an id comes again, id and stamp together do not."""
    beat: int
    oom_kills: int
    """Result of engine.plan.memory.oom_kills at that beat."""
    current: int
    """Number of the bucket that was being trained; −1 when none was."""
    buckets: Mapping[int, tuple[str, ...]]
    """Keys of the runs of every bucket in training, by number."""
    waits: str
    """A sentence on a run that waits for memory; "" when none does."""

    @property
    def alive(self) -> bool:
        """Whether this process runs: not when it is a zombie; yes when another user's process is hidden from us."""
        try:
            return start_stamp(self.pid) == self.start
        except psutil.AccessDenied:
            return True

    def kill(self) -> None:
        """Kill the process, if the id still belongs to it."""
        with suppress(OSError, psutil.AccessDenied):  # it has ended by itself, or is another user's
            if start_stamp(self.pid) == self.start:
                os.kill(self.pid, signal.SIGKILL)


class Heartbeat:
    """Writes the files of a worker in its slot, which it holds by engine.queue.locks.slot_lock."""

    def __init__(self, home: Path, slot: int, kills: Callable[[], int] = oom_kills) -> None:
        """`kills`: returns how many processes the system has killed for lack of memory so far."""
        self._state, self._pulse = _paths(home, slot)
        self._kills = kills
        self._process = (os.getpid(), start_stamp(os.getpid()) or 0)
        self._beat, self._oom_kills, self._current = 0, kills(), -1
        self._published = ""
        self.keys = frozenset[str]()
        """Keys of the runs in training, as published last."""
        self._writing, self._over = threading.Lock(), threading.Event()
        self._file = -1
        with suppress(OSError):  # training works without a heartbeat as well
            self._file = os.open(self._pulse, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._write()

    def start(self, on_beat: Callable[[], None]) -> None:
        """Beat from now on, in a thread of its own that also calls `on_beat` at every beat."""
        threading.Thread(target=self._run, args=(on_beat,), name="pulse", daemon=True).start()

    def publish(self, buckets: Mapping[int, Sequence[str]], waits: str = "") -> None:
        """Write which runs are in training, by the number of their bucket, and a sentence on one that waits.

        On a full disk the last published state stays.
        """
        self.keys = frozenset(key for keys in buckets.values() for key in keys)
        pid, start = self._process
        text = json.dumps({"pid": pid, "start": start, "waits": waits, "buckets": dict(buckets)})
        if text != self._published:
            with suppress(OSError):
                with whole(self._state, durable=False) as file:
                    file.write(text.encode())
                self._published = text

    def set_current(self, number: int) -> None:
        """Write which bucket is being trained from now on."""
        if number != self._current:
            self._current = number
            self._write()

    def close(self) -> None:
        """Remove the files: a worker that leaves by itself has not crashed over a bucket."""
        self._over.set()
        with self._writing:
            for path in (self._state, self._pulse):
                with suppress(OSError):
                    path.unlink()
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _run(self, on_beat: Callable[[], None]) -> None:
        while not self._over.wait(BEAT):
            self._beat += 1
            if self._beat % 5 == 0:
                self._oom_kills = self._kills()
            self._write()
            with suppress(Exception):  # whatever `on_beat` raises, the heart goes on
                on_beat()

    def _write(self) -> None:
        with self._writing:
            if self._file >= 0:
                numbers = (*self._process, self._beat, self._oom_kills, self._current)
                with suppress(OSError):
                    os.pwrite(self._file, " ".join(map(str, numbers)).ljust(100).encode(), 0)


def read(home: Path, slot: int) -> WorkerState | None:
    """Return the state of the worker of a slot, alive or dead; None where its files are missing or damaged."""
    state, pulse = _paths(home, slot)
    try:
        pid, start, beat, kills, current = map(int, pulse.read_bytes().split())
    except (OSError, ValueError):
        return None
    buckets, waits = dict[int, tuple[str, ...]](), ""
    try:
        found = json.loads(state.read_bytes())
        if (found["pid"], found["start"]) == (pid, start):  # otherwise it is from a worker before this one
            buckets = {int(number): tuple(map(str, keys)) for number, keys in found["buckets"].items()}
            waits = str(found["waits"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return WorkerState(
        slot=slot, pid=pid, start=start, beat=beat, oom_kills=kills, current=current, buckets=buckets, waits=waits
    )


def forget(home: Path, slot: int) -> None:
    """Remove the files of a dead worker."""
    for path in _paths(home, slot):
        with suppress(OSError):
            path.unlink()


class Monitor:
    """Ends workers that are alive but hang, by the clock of this process alone; check each about once a second."""

    def __init__(self, home: Path, hung_after: float = HUNG_AFTER) -> None:
        """`hung_after`: seconds without a beat after which a worker is ended."""
        self._home, self._hung_after = home, hung_after
        self._last: dict[int, tuple[WorkerState, float, float]] = {}
        """By slot: the state at the last check, the time of that check, seconds without a beat so far."""

    def check(self, slot: int) -> bool:
        """Check the worker of a slot; return whether it has been without a beat for so long that it was ended.

        A gap between two checks counts little: a suspended laptop or a frozen container stops both processes.
        """
        found, now = read(self._home, slot), time.monotonic()
        if found is None:
            self._last.pop(slot, None)
            return False
        before, at, silent = self._last.get(slot, (found, now, 0.0))
        has_beaten = (found.pid, found.start, found.beat) != (before.pid, before.start, before.beat)
        silent = 0.0 if has_beaten else silent + min(now - at, self._hung_after / LEAST_CHECKS)
        self._last[slot] = (found, now, silent)
        if silent < self._hung_after or not found.alive:
            return False
        found.kill()
        self._last.pop(slot, None)
        return True


def start_stamp(pid: int) -> int | None:
    """Return a number made of a process's id and of when it started; None where it has ended or is a zombie.

    It is the same for every process that asks, whatever happens to the system's clock: psutil tells processes apart by
    a time that nobody sets, while its create_time() changes with the clock.
    Raises: psutil.AccessDenied: where the system says nothing about another user's process.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) else hash(process)
    except (psutil.NoSuchProcess, OSError, ValueError):
        return None


def _paths(home: Path, slot: int) -> tuple[Path, Path]:
    folder = home / "queue"
    return folder / f"worker-{slot}.json", folder / f"worker-{slot}.pulse"
