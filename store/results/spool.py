"""The way of results into the store: write-once files, live files of workers, and the one ingest."""

import os
import re
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.spec.result import RunResult, RunState
from engine.spec.run import RunSpec
from store.db.connection import Database
from store.db.errors import NoRoom, in_words
from store.results import artifacts, result_files
from store.results.checks import check_rows
from store.results.inserting import insert_rows
from store.results.live_writers import living, own
from store.results.lookup import CHOSEN, keyed
from store.results.result_files import BROKEN
from store.results.rows import SCHEMA, Dated, as_table, dated_rows, from_row

ROWS_AT_ONCE = 10_000
"""Runs that are put into the tables at once; a file more or less."""
STALE = 3600.0
"""Seconds after which a draft has no writer any more."""
FULL_WAIT = 1.0
"""Seconds between two attempts to put results onto a full disk."""


class Spool:
    """Where a worker hands its results; `worker` names it among the living ones."""

    def __init__(self, db: Database, worker: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", worker):
            raise ValueError(f"worker={worker[:80]} is not possible; allowed: 1 to 80 letters, digits, dots, dashes.")
        self._db = db
        self._live = db.live / f"{worker}.arrow"
        self._lock = db.live / f"{worker}.lock"
        with in_words(db.file):
            self._handle = own(self._lock)

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs without any result, a failure included, in the tables or the spool, in their order."""
        settled = keys_with_result(self._db, runs, failed=True)
        return [run for run in runs if run.key not in settled]

    def put(self, results: Sequence[RunResult]) -> None:
        """Keep results for good: on return they outlive a kill and a power cut.

        Raises: ValueError: for a run still in training, or lists that do not fit its steps.
        """
        if not results:
            return
        for result in results:
            if result.state in (RunState.QUEUED, RunState.RUNNING):
                raise ValueError(f"state={result.state} is not possible; allowed: that of a run which has ended.")
        rows = _dated(results)
        check_rows(rows)
        path = self._db.spool / f"{time.time_ns()}-{uuid.uuid4().hex[:12]}.arrow"
        with in_words(self._db.file):
            beside = _beside(self._db, path)
            artifacts.write(beside, results)  # first: whoever sees the results finds it
            try:
                result_files.write(path, rows, durable=True)
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
                result_files.write(self._live, _dated(results), durable=False)
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
    count = 0
    with db.writing() as con:
        for batch in _ahead(_sound(db, batch) for batch in _batches(db)):
            count += _take(db, con, batch)
            read += batch
    with in_words(db.file):
        for path in read:  # only now that they are committed: a kill before this line repeats them, which is harmless
            path.unlink(missing_ok=True)
            _beside(db, path).unlink(missing_ok=True)
        if not living(db):  # one may have written what its result file is still to come for, by whatever clock
            artifacts.clear_orphans(db.outcomes, db.spool)
    return count


def live_results(db: Database) -> list[RunResult]:
    """Return what living workers have in training, and remove what dead ones left."""
    return [from_row(row) for _, row in dated_rows(_read_sound(living(db)))]


def pending(db: Database) -> list[Dated]:
    """Return what is not in the tables, as results; see `pending_rows`."""
    return [(created, from_row(row)) for created, row in dated_rows(pending_rows(db))]


def pending_rows(db: Database) -> pa.Table:
    """Return what is not in the tables, in the columns of SCHEMA: ended runs in the spool, and runs in training.

    Read the tables after this, never before: what is on its way into them is then seen at least once.
    """
    live = _read_sound(living(db))
    # In the order of a run's way, so that one which moves on meanwhile is not missed.
    return pa.concat_tables([live, _read_sound(_waiting(db))])


def keys_with_result(db: Database, runs: Sequence[RunSpec], *, failed: bool) -> set[str]:
    """Return the keys among `runs` that have a result in the tables or the spool; a failure counts if `failed`."""

    def counts(state: RunState) -> bool:
        return state.done or (failed and state is not RunState.RUNNING)

    wanted = {run.key for run in runs}
    beside = _read_sound(_waiting(db))  # what is in training has no result yet
    waiting = zip(beside["key"].to_pylist(), beside["state"].to_pylist(), strict=True)
    with db.reading() as con:
        con.register("wanted", keyed(wanted))
        stored = con.execute(f"WITH {CHOSEN} SELECT key, state FROM runs SEMI JOIN chosen USING (run_id)").fetchall()
    return {key for key, state in (*waiting, *stored) if counts(RunState(state)) and key in wanted}


def _dated(results: Sequence[RunResult]) -> pa.Table:
    now = time.time_ns() // 1000
    return as_table([(now, result) for result in results])


def _batches(db: Database) -> Iterator[dict[Path, pa.Table]]:
    """Yield what waits in the spool, some files at a time."""
    batch: dict[Path, pa.Table] = {}
    for path in _waiting(db):
        try:
            batch[path] = result_files.load(path)
        except PermissionError as error:
            _reject(db, path, error)
        except OSError:
            continue  # another ingest was faster, or the system fails for the moment
        except BROKEN as error:
            _reject(db, path, error)
        if sum(map(len, batch.values())) >= ROWS_AT_ONCE:
            yield batch
            batch = {}
    yield batch


def _ahead(batches: Iterator[dict[Path, pa.Table]]) -> Iterator[dict[Path, pa.Table]]:
    """Yield the same, while a thread reads the next one already."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, batches, None)
            yield batch


def _sound(db: Database, batch: dict[Path, pa.Table]) -> dict[Path, pa.Table]:
    """Return the files whose rows can be believed, and set the others aside."""
    with suppress(*BROKEN):
        check_rows(pa.concat_tables([SCHEMA.empty_table(), *batch.values()]))
        return batch
    sound = {}
    for path, rows in batch.items():
        try:
            check_rows(rows)
        except BROKEN as error:
            _reject(db, path, error)
        else:
            sound[path] = rows
    return sound


def _take(db: Database, con: duckdb.DuckDBPyConnection, batch: dict[Path, pa.Table]) -> int:
    """Put the rows of some files, and what their runs leave behind, into the tables; return how many were new."""
    count = insert_rows(con, pa.concat_tables([SCHEMA.empty_table(), *batch.values()]))
    for path in batch if count else ():
        _insert_outcomes(db, con, _beside(db, path))
    return count


def _beside(db: Database, path: Path) -> Path:
    """Return where what the runs of a result file leave behind lies."""
    return db.outcomes / f"{path.name.partition('.')[0]}.arrow"


def _insert_outcomes(db: Database, con: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        artifacts.insert(con, path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        _reject(db, path, error)


def _read_sound(paths: Sequence[Path]) -> pa.Table:
    tables = [SCHEMA.empty_table()]
    for path in paths:
        with suppress(*BROKEN):  # gone by now, or for ingest to reject
            tables.append(result_files.read(path))
    return pa.concat_tables(tables)


def _waiting(db: Database) -> list[Path]:
    """Everything in the spool but its folders and fresh drafts; a draft that is old may be whole, or is rejected."""
    found, folders = [], (db.live, db.rejected, db.outcomes)
    with in_words(db.file), os.scandir(db.spool) as entries:
        for entry in entries:
            path = Path(entry.path)
            if path not in folders and not (path.suffix == ".tmp" and _is_fresh(db, path)):
                found.append(path)
    return sorted(found)


def _is_fresh(db: Database, path: Path) -> bool:
    """Whether a draft may still have a writer: clocks jump, so an old one has none only where no worker lives."""
    with suppress(FileNotFoundError):
        return abs(time.time() - path.lstat().st_mtime) < STALE or bool(living(db))
    return True


def _reject(db: Database, path: Path, error: Exception) -> None:
    target = db.rejected / path.name
    if target.exists() or target.is_symlink():
        target = db.rejected / f"{time.time_ns()}-{path.name}"
    with suppress(OSError):  # what cannot be moved must not hold up the rest
        path.rename(target)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        target.with_name(target.name + ".txt").write_text(reason + "\n", encoding="utf-8")
