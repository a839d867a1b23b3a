"""What workers have died over: a bucket that ends them again and again is cut in half, in the end its run fails."""

import faulthandler
import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.plan import memory
from engine.queue import heartbeat
from engine.spec.run import RunSpec

DEATHS = 3
"""Deaths of workers over one bucket after which it is cut in half, and over one run after which it fails."""

MEMORY = "out of memory"
"""The cause where the system's out-of-memory killer did it; otherwise the name of the fatal signal."""


MANY = 2**31
"""More runs than any bucket has."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a run has done to workers."""

    deaths: int
    """Since it was last cut from others."""
    most: int
    """Runs that may train together with it, itself included."""
    cause: str


class Deaths:
    """The records in home/queue/deaths.json, by key of the run; every process makes its own."""

    def __init__(self, home: Path) -> None:
        self._home, self._file = home, home / "queue" / "deaths.json"
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Record] = {}

    def examine(self, slot: int, kills: Callable[[], int] = memory.oom_kills) -> None:
        """Note what the last worker of a slot died over; only for who holds the slot now.

        A kill that is neither for lack of memory nor a crash says nothing about the bucket.
        """
        left = heartbeat.seen(self._home, slot)
        if left is not None:
            crash = _crash(self._fault(slot))
            cause = crash or (MEMORY if kills() > left.oom else "")
            if cause and left.now in left.buckets:
                self._note(left.buckets[left.now], cause)
        heartbeat.forget(self._home, slot)
        with suppress(OSError):
            self._fault(slot).unlink()

    def listen(self, slot: int) -> None:
        """Have a crash of this process written where the next worker of the slot finds it."""
        with suppress(OSError):
            faulthandler.enable(self._fault(slot).open("w"))

    def parts(self, runs: Sequence[RunSpec]) -> list[list[RunSpec]]:
        """Return `runs` cut into what may train together."""
        if not self.suspects(runs):
            return [list(runs)]
        found = list[list[RunSpec]]()
        for run in runs:
            if found and len(found[-1]) < min(self._most(each) for each in (*found[-1], run)):
                found[-1].append(run)
            else:
                found.append([run])
        return found

    def suspects(self, runs: Iterable[RunSpec]) -> bool:
        """Return whether a worker died over one of `runs`: then they train alone, so that no other takes the blame."""
        known = self._records()
        return any(run.key in known for run in runs)

    def verdict(self, run: RunSpec) -> str:
        """Return why a run is not to be tried again, in a sentence with a next step; "" when it is."""
        record = self._records().get(run.key)
        if record is None or record.most > 1 or record.deaths < DEATHS:
            return ""
        if record.cause == MEMORY:
            needed = memory.words(memory.needed(run))
            return (
                f"The system ended the worker {DEATHS} times over this run for lack of memory; it needs about "
                f"{needed}. Take a smaller width, depth or batch size, or close other programs, then retry."
            )
        return (
            f"The worker crashed {DEATHS} times over this run ({record.cause}). Retry; if it crashes again, set "
            "SCALESCOPE_KERNEL=off, which trains without compiled code."
        )

    def forget(self, runs: Iterable[RunSpec]) -> None:
        """Begin anew with these runs: they have a result, or somebody retries them."""
        keys = {run.key for run in runs}
        if not keys.isdisjoint(self._records()):
            with suppress(OSError), self._changing() as records:
                for key in keys:
                    records.pop(key, None)

    def _note(self, keys: Sequence[str], cause: str) -> None:
        with suppress(OSError), self._changing() as records:  # a full disk costs a record only
            deaths = 1 + max((records[key].deaths for key in keys if key in records), default=0)
            most = min((records[key].most for key in keys if key in records), default=len(keys))
            most = min(most, len(keys))
            if deaths >= DEATHS and most > 1:
                deaths, most = 0, -(-most // 2)
            for key in keys:
                records[key] = Record(deaths=deaths, most=most, cause=cause)
            os.utime(self._home / "queue" / "jobs")  # something has changed: a new worker need not wait

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Record]]:
        with self._file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            records = dict(self._records())
            yield records
            text = json.dumps({key: asdict(record) for key, record in records.items()})
            heartbeat.replace(self._file, text, durable=True)

    def _records(self) -> dict[str, Record]:
        try:
            found = self._file.stat()
            if self._stamp != (found.st_mtime_ns, found.st_ino):
                self._known = _read(self._file)
                self._stamp = (found.st_mtime_ns, found.st_ino)
        except OSError:
            self._known, self._stamp = {}, None
        return self._known

    def _most(self, run: RunSpec) -> int:
        record = self._known.get(run.key)
        return MANY if record is None else record.most

    def _fault(self, slot: int) -> Path:
        return self._home / "queue" / f"worker-{slot}.fault"


def _read(file: Path) -> dict[str, Record]:
    """Return the records of a file; what is none is left out."""
    try:
        rows = json.loads(file.read_bytes())
        pairs = [(str(key), Record(**row)) for key, row in rows.items()]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        key: record
        for key, record in pairs
        if isinstance(record.deaths, int) and isinstance(record.most, int) and record.most > 0
    }


def _crash(fault: Path) -> str:
    """Return the name of the signal that ended a process, as Python's fault handler writes it, or ""."""
    try:
        first = fault.read_text(errors="replace").partition("\n")[0]
    except OSError:
        return ""
    _, found, name = first.partition("Fatal Python error: ")
    return name.strip() if found else ""
