"""Crashes of workers: a bucket over which workers crash again and again is cut in half; in the end its run fails."""

import faulthandler
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine.base.atomic import whole
from engine.base.locks import locked
from engine.plan import memory
from engine.queue import heartbeat
from engine.spec.run import RunSpec

MOST_CRASHES = 3
"""Crashes over one bucket after which it is cut in half, and over one run after which it fails."""

MEMORY = "out of memory"
"""The cause where the system's out-of-memory killer ended the worker; otherwise the name of the fatal signal."""


UNLIMITED = 2**31
"""More runs than any bucket has."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The crashes over one run."""

    crashes: int
    """Number since its bucket was last cut."""
    most: int
    """Most runs that may train together with it, itself included."""
    cause: str


class Crashes:
    """The records in home/queue/deaths.json, by key of the run; each process makes its own Crashes."""

    def __init__(self, home: Path) -> None:
        self._home, self._file = home, home / "queue" / "deaths.json"
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, Record] = {}

    def examine(self, slot: int, kills: Callable[[], int] = memory.oom_kills) -> None:
        """Record what the last worker of a slot crashed over; call it only while holding the slot.

        A kill that is neither for lack of memory nor by a fault of its own says nothing about the bucket.
        """
        last = heartbeat.read(self._home, slot)
        if last is not None:
            fault = _fatal_signal(self._fault_file(slot))
            cause = fault or (MEMORY if kills() > last.oom_kills else "")
            if cause and last.current in last.buckets:
                self._record(last.buckets[last.current], cause)
        heartbeat.forget(self._home, slot)
        with suppress(OSError):
            self._fault_file(slot).unlink()

    def log_faults(self, slot: int) -> None:
        """Have a fault of this process written where the next worker of the slot finds it."""
        with suppress(OSError):
            faulthandler.enable(self._fault_file(slot).open("w"))

    def parts(self, runs: Sequence[RunSpec]) -> list[list[RunSpec]]:
        """Return `runs` cut into groups that may train together."""
        if not self.suspects(runs):
            return [list(runs)]
        groups = list[list[RunSpec]]()
        for run in runs:
            if groups and len(groups[-1]) < min(self._most(each) for each in (*groups[-1], run)):
                groups[-1].append(run)
            else:
                groups.append([run])
        return groups

    def suspects(self, runs: Iterable[RunSpec]) -> bool:
        """Return whether a worker has crashed while it trained one of `runs`: these train alone then."""
        known = self._records()
        return any(run.key in known for run in runs)

    def reason_to_fail(self, run: RunSpec) -> str:
        """Return why a run is not to be tried again, in a sentence with a next step; "" when it is.

        The sentence is stored as the error of the run: it is English in every language.
        """
        record = self._records().get(run.key)
        if record is None or record.most > 1 or record.crashes < MOST_CRASHES:
            return ""
        if record.cause == MEMORY:
            needed = memory.words(memory.needed(run))
            return (
                f"The system ended the worker {MOST_CRASHES} times over this run for lack of memory; it needs about "
                f"{needed}. Take a smaller width, depth or batch size, or close other programs, then retry."
            )
        return (
            f"The worker crashed {MOST_CRASHES} times over this run ({record.cause}). Retry; if it crashes again, set "
            "SCALESCOPE_KERNEL=off, which trains without compiled code."
        )

    def forget(self, runs: Iterable[RunSpec]) -> None:
        """Forget the crashes over these runs: they have a result, or somebody retries them."""
        keys = {run.key for run in runs}
        if not keys.isdisjoint(self._records()):
            with suppress(OSError), self._changing() as records:
                for key in keys:
                    records.pop(key, None)

    def _record(self, keys: Sequence[str], cause: str) -> None:
        with suppress(OSError), self._changing() as records:  # a full disk costs a record only
            crashes = 1 + max((records[key].crashes for key in keys if key in records), default=0)
            most = min((records[key].most for key in keys if key in records), default=len(keys))
            most = min(most, len(keys))
            if crashes >= MOST_CRASHES and most > 1:
                crashes, most = 0, -(-most // 2)
            for key in keys:
                records[key] = Record(crashes=crashes, most=most, cause=cause)
            os.utime(self._home / "queue" / "jobs")  # changes the queue's revision: a new worker need not wait

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Record]]:
        """Lend the records, and write them afterwards, while no other process changes them."""
        with self._file.with_suffix(".lock").open("a") as lock:
            locked(lock.fileno(), wait=math.inf)
            records = dict(self._records())
            yield records
            with whole(self._file, durable=True) as file:
                file.write(json.dumps({key: _flat(record) for key, record in records.items()}).encode())

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
        return UNLIMITED if record is None else record.most

    def _fault_file(self, slot: int) -> Path:
        return self._home / "queue" / f"worker-{slot}.fault"


def _flat(record: Record) -> dict[str, object]:
    return {"deaths": record.crashes, "most": record.most, "cause": record.cause}


def _read(file: Path) -> dict[str, Record]:
    """Return the records of a file without those that are damaged."""
    try:
        rows = json.loads(file.read_bytes())
        pairs = [
            (str(key), Record(crashes=row["deaths"], most=row["most"], cause=row["cause"])) for key, row in rows.items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {
        key: record
        for key, record in pairs
        if isinstance(record.crashes, int) and isinstance(record.most, int) and record.most > 0
    }


def _fatal_signal(fault_file: Path) -> str:
    """Return the name of the signal that ended a process, as Python's fault handler writes it, or ""."""
    try:
        first = fault_file.read_text(errors="replace").partition("\n")[0]
    except OSError:
        return ""
    _, found, name = first.partition("Fatal Python error: ")
    return name.strip() if found else ""
