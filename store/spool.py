"""The way of results into the store: write-once files, live files of workers, and the one ingest."""

import fcntl
import json
import os
import re
import stat
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.spec import ENGINE_VERSION, RunResult, RunSpec, RunState
from store import outcomes
from store.connection import Database
from store.durable import whole
from store.errors import NoRoom, StoreError, in_words
from store.results import Dated, as_row, from_row, insert

FORMAT = 1
"""Of the files; another number is refused."""
STALE = 3600.0
"""Seconds after which a draft has no writer any more."""


MOST_BYTES = 2**31
"""Of a result file, which is read at once; thousands of runs take some megabytes."""
FULL_WAIT = 1.0
"""Seconds between two attempts to put results onto a full disk."""


class Spool:
    """Where a worker hands its results; `worker` names it among the living ones."""

    def __init__(self, db: Database, worker: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", worker):
            raise ValueError(f"worker={worker[:80]} is not possible; allowed: 1 to 80 letters, digits, dots, dashes.")
        self._db = db
        self._live = db.live / f"{worker}.json"
        self._lock = db.live / f"{worker}.lock"
        with in_words(db.file):
            self._handle = _own(self._lock)

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs without any result, a failure included, in the tables or the spool, in their order."""
        settled = keys_with_result(self._db, runs, failed=True)
        return [run for run in runs if run.key not in settled]

    def put(self, results: Sequence[RunResult]) -> None:
        """Keep results for good: on return they outlive a kill and a power cut.

        Raises: ValueError: for a run still in training, or lists that do not fit its steps.
        """
        for result in results:
            from_row(as_row(result))
            if result.state in (RunState.QUEUED, RunState.RUNNING):
                raise ValueError(f"state={result.state} is not possible; allowed: that of a run which has ended.")
        if results:
            path = self._db.spool / f"{time.time_ns()}-{uuid.uuid4().hex[:12]}.json"
            with in_words(self._db.file):
                beside = _beside(self._db, path)
                outcomes.write(beside, results)  # first: whoever sees the results finds it
                try:
                    _write(path, results, durable=True)
                except OSError:
                    if not path.exists():  # else it is in place, and only the folder's own safety failed
                        beside.unlink(missing_ok=True)
                    raise

    def show(self, results: Sequence[RunResult]) -> None:
        """Show what this worker has in training in place of what it showed before; empty clears.

        Only a view: training goes on where it cannot be written, on a full disk for one.
        """
        with suppress(OSError):
            if results:
                _write(self._live, results, durable=False)
            else:
                self._live.unlink(missing_ok=True)

    def close(self) -> None:
        """Take away what this worker showed and give up its name."""
        with in_words(self._db.file):
            self._live.unlink(missing_ok=True)
            self._lock.unlink(missing_ok=True)
        os.close(self._handle)


class PatientSpool(Spool):
    """A spool for a worker, which rather waits for space on a full disk than loses what it has trained."""

    def put(self, results: Sequence[RunResult]) -> None:
        """Do as `Spool.put`, however long that takes on a full disk."""
        told = False
        while True:
            try:
                return super().put(results)
            except NoRoom as problem:
                if not told:
                    print(f"{problem} Until then {len(results)} results wait.", file=sys.stderr, flush=True)
                told = True
                time.sleep(FULL_WAIT)


def ingest(db: Database) -> int:
    """Move all result files into the tables in one transaction; return how many results were new.

    Raises: StoreError: when the tables cannot take them; the files stay for the next time.
    """
    if not _waiting(db):
        return 0
    read: list[Path] = []
    dated: list[Dated] = []
    with db.writing() as con:
        for path in _waiting(db):
            try:
                dated += _read(path)
            except PermissionError as error:
                _reject(db, path, error)
            except OSError:
                continue  # another ingest was faster, or the system fails for the moment
            except (ValueError, TypeError, OverflowError, RecursionError) as error:
                _reject(db, path, error)
            else:
                read.append(path)
        count = insert(con, dated)
        for path in read if count else ():
            _insert_outcomes(db, con, _beside(db, path))
    with in_words(db.file):
        for path in read:  # only now that they are committed: a kill before this line repeats them, which is harmless
            path.unlink(missing_ok=True)
            _beside(db, path).unlink(missing_ok=True)
        if not _living(db):  # one may have written what its result file is still to come for, by whatever clock
            outcomes.clear_orphans(db.outcomes, db.spool)
    return count


def live_results(db: Database) -> list[RunResult]:
    """Return what living workers have in training, and remove what dead ones left."""
    return [result for path in _living(db) for _, result in _read_if_sound(path)]


def pending(db: Database) -> list[Dated]:
    """Return what is not in the tables: ended runs in the spool, and runs in training.

    Read the tables after this, never before: what is on its way into them is then seen at least once.
    """
    live = [dated for path in _living(db) for dated in _read_if_sound(path)]
    # In the order of a run's way, so that one which moves on meanwhile is not missed.
    return live + [dated for path in _waiting(db) for dated in _read_if_sound(path)]


def keys_with_result(db: Database, runs: Sequence[RunSpec], *, failed: bool) -> set[str]:
    """Return the keys among `runs` that have a result in the tables or the spool; a failure counts if `failed`."""

    def counts(state: RunState) -> bool:
        return state.done or (failed and state is not RunState.RUNNING)

    wanted = {run.key for run in runs}
    waiting = {result.spec.key for _, result in pending(db) if counts(result.state)}
    with db.reading() as con:
        con.register("wanted", pa.table({"key": pa.array(wanted, pa.string())}))
        rows = con.execute("SELECT key, state FROM runs SEMI JOIN wanted USING (key)").fetchall()
    return (waiting & wanted) | {key for key, state in rows if counts(RunState(state))}


def _write(path: Path, results: Sequence[RunResult], durable: bool) -> None:
    text = json.dumps(
        {
            "format": FORMAT,
            "engine_version": ENGINE_VERSION,
            "created": time.time_ns() // 1000,
            "results": [as_row(result) for result in results],
        },
        allow_nan=False,
    )
    with whole(path, durable=durable) as opened:
        opened.write(text.encode())


def _beside(db: Database, path: Path) -> Path:
    """Return where what the runs of a result file leave behind lies."""
    return db.outcomes / f"{path.name.partition('.')[0]}.arrow"


def _insert_outcomes(db: Database, con: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        outcomes.insert(con, path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        _reject(db, path, error)


def _read(path: Path) -> list[Dated]:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("It is not a plain file.")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"It has {found.st_size} bytes; allowed: up to {MOST_BYTES}.")
    try:
        data = json.loads(path.read_bytes())
    except ValueError:
        raise ValueError("It is not JSON, or only a part of it.") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"It is not a result file of format {FORMAT}.")
    if data.get("engine_version") != ENGINE_VERSION:
        raise ValueError(f"engine_version={data.get('engine_version')!s:.20}; this engine's is {ENGINE_VERSION}.")
    created, rows = data.get("created"), data.get("results")
    if not isinstance(created, int) or not 0 <= created < 2**53 or not isinstance(rows, list):
        raise ValueError("created or results is missing.")
    return [(created, from_row(row)) for row in rows]


def _read_if_sound(path: Path) -> list[Dated]:
    try:
        return _read(path)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return []  # gone by now, or for ingest to reject


def _waiting(db: Database) -> list[Path]:
    """Everything in the spool but its folders and fresh drafts; a draft that is old may be whole, or is rejected."""
    found = []
    with in_words(db.file), os.scandir(db.spool) as entries:
        for entry in entries:
            path = Path(entry.path)
            if path not in (db.live, db.rejected, db.outcomes) and not (path.suffix == ".tmp" and _is_fresh(db, path)):
                found.append(path)
    return sorted(found)


def _is_fresh(db: Database, path: Path) -> bool:
    """Whether a draft may still have a writer: clocks jump, so an old one has none only where no worker lives."""
    with suppress(FileNotFoundError):
        return abs(time.time() - path.lstat().st_mtime) < STALE or bool(_living(db))
    return True


def _reject(db: Database, path: Path, error: Exception) -> None:
    target = db.rejected / path.name
    if target.exists() or target.is_symlink():
        target = db.rejected / f"{time.time_ns()}-{path.name}"
    with suppress(OSError):  # what cannot be moved must not hold up the rest
        path.rename(target)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        target.with_name(target.name + ".txt").write_text(reason + "\n", encoding="utf-8")


def _own(lock: Path) -> int:
    """Lock a worker's name for as long as the process lives."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except (BlockingIOError, FileNotFoundError):
            pass  # a look from elsewhere holds it for a moment, or cleared it away just now
        os.close(handle)
        time.sleep(0.01)
    raise StoreError(f"A worker called {lock.stem} is already at work: give this one another name.")


def _living(db: Database) -> list[Path]:
    with in_words(db.file):
        found = {path.with_suffix(".json") for path in db.live.iterdir() if path.suffix in (".json", ".lock")}
        return [path for path in sorted(found) if _is_owned(path)]


def _is_owned(path: Path) -> bool:
    """Whether the worker of a live file lives; a dead one's files are removed."""
    lock = path.with_suffix(".lock")
    try:
        handle = lock.open("r+b")
    except FileNotFoundError:
        path.unlink(missing_ok=True)
        return False
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look must not find each other
        except BlockingIOError:
            return True
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for rest in (path, path.with_name(path.name + ".tmp"), lock):
                rest.unlink(missing_ok=True)
    return False
