"""Brings results into the store: write-once files, live files of workers, and the one ingest."""

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

from engine.base.language import _, _n
from engine.spec.result import RunResult, RunState
from engine.spec.run import RunSpec
from store.db.connection import Database
from store.db.errors import NoRoom, first_line, in_words
from store.results import artifacts, result_files
from store.results.checks import check_rows
from store.results.inserting import insert_rows
from store.results.live_writers import clear_dead, live_files, lock_name
from store.results.lookup import WANTED_RUNS, keyed
from store.results.result_files import BROKEN
from store.results.rows import SCHEMA, Dated, as_table, dated_rows, from_row

ROWS_AT_ONCE = 10_000
"""Runs that go into the tables at once, up to a file more."""
STALE = 3600.0
"""Seconds after which a draft has no writer."""
FULL_WAIT = 1.0
"""Seconds between two attempts to put results onto a full disk."""


class Spool:
    """Takes the results of one worker; `worker` is its name, which no other living worker has."""

    def __init__(self, db: Database, worker: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", worker):
            raise ValueError(
                _(
                    "worker={worker} is not possible; allowed: 1 to 80 letters, digits, dots, dashes.",
                    worker=worker[:80],
                )
            )
        self._db = db
        self._live = db.live / f"{worker}.arrow"
        self._lock = db.live / f"{worker}.lock"
        with in_words(db.file):
            self._handle = lock_name(self._lock)

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs without any result, a failure included, in the tables or the spool, in their order."""
        settled = keys_with_result(self._db, runs, failed=True)
        return [run for run in runs if run.key not in settled]

    def put(self, results: Sequence[RunResult]) -> None:
        """Write results to the spool: on return they outlive a kill and a power cut.

        Raises: ValueError: for a run still in training, or lists that do not fit its steps.
        """
        if not results:
            return
        for result in results:
            if result.state in (RunState.QUEUED, RunState.RUNNING):
                raise ValueError(
                    _("state={state} is not possible; allowed: that of a run which has ended.", state=result.state)
                )
        rows = _dated(results)
        check_rows(rows)
        path = self._db.spool / f"{time.time_ns()}-{uuid.uuid4().hex[:12]}.arrow"
        with in_words(self._db.file):
            outcomes = _outcomes(self._db, path)
            artifacts.write(outcomes, results)  # first: whoever sees the results finds these too
            try:
                result_files.write(path, rows, durable=True)
            except OSError:
                if not path.exists():  # else the file is there, and only the fsync of its folder failed
                    outcomes.unlink(missing_ok=True)
                raise

    def show(self, results: Sequence[RunResult]) -> None:
        """Show what this worker has in training instead of what it showed before; empty clears.

        Training goes on where this cannot be written, as on a full disk.
        """
        with suppress(OSError):
            if results:
                result_files.write(self._live, _dated(results), durable=False)
            else:
                self._live.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what this worker showed, and free its name."""
        with in_words(self._db.file):
            self._live.unlink(missing_ok=True)
            self._lock.unlink(missing_ok=True)
        os.close(self._handle)


class PatientSpool(Spool):
    """A spool that waits for space on a full disk, so that its worker loses nothing that it has trained."""

    def put(self, results: Sequence[RunResult]) -> None:
        """Do as `Spool.put`, however long that takes on a full disk."""
        warned = False
        while True:
            try:
                return super().put(results)
            except NoRoom as problem:
                if not warned:
                    print(_waits(problem, len(results)), file=sys.stderr, flush=True)
                warned = True
                time.sleep(FULL_WAIT)


def _waits(problem: NoRoom, n: int) -> str:
    return _n("{problem} Until then {n} result waits.", "{problem} Until then {n} results wait.", n, problem=problem)


def ingest(db: Database) -> int:
    """Move all result files into the tables in one transaction; return how many results were new.

    It also removes what dead workers left. Raises: StoreError: when the tables cannot take the results; their files
    stay for the next time.
    """
    clear_dead(db)
    if not _waiting(db):
        return 0
    read: list[Path] = []
    count = 0
    with db.writing() as con:
        for batch in _ahead(_sound(db, batch) for batch in _batches(db)):
            count += _take(db, con, batch)
            read += batch
    with in_words(db.file):
        for path in read:  # after the commit: a kill before this line repeats the ingest, which is harmless
            path.unlink(missing_ok=True)
            _outcomes(db, path).unlink(missing_ok=True)
        if not live_files(db):  # a living worker may be about to write the result file; its clock may have jumped
            artifacts.clear_orphans(db.outcomes, db.spool)
    return count


def live_results(db: Database) -> list[RunResult]:
    """Return what living workers have in training."""
    return [from_row(row) for _, row in dated_rows(_read_sound(live_files(db)))]


def pending(db: Database) -> list[Dated]:
    """Return the results that are not in the tables yet; see `pending_rows`."""
    return [(created, from_row(row)) for created, row in dated_rows(pending_rows(db))]


def pending_rows(db: Database) -> pa.Table:
    """Return what is not in the tables yet, in the columns of SCHEMA: ended runs in the spool, and runs in training.

    Read the tables after this, never before: a run that an ingest moves meanwhile is then seen at least once.
    """
    live = _read_sound(live_files(db))  # before the spool: a run that ends meanwhile is then seen at least once
    return pa.concat_tables([live, _read_sound(_waiting(db))])


def keys_with_result(db: Database, runs: Sequence[RunSpec], *, failed: bool) -> set[str]:
    """Return the keys among `runs` that have a result in the tables or the spool; a failure counts if `failed`."""

    def counts(state: RunState) -> bool:
        return state.done or (failed and state is not RunState.RUNNING)

    wanted = {run.key for run in runs}
    spooled = _read_sound(_waiting(db))  # without runs in training, which have no result yet
    waiting = zip(spooled["key"].to_pylist(), spooled["state"].to_pylist(), strict=True)
    with db.reading() as con:
        con.register("wanted", keyed(wanted))
        stored = con.execute(
            f"WITH {WANTED_RUNS} SELECT key, state FROM runs SEMI JOIN wanted_runs USING (run_id)"
        ).fetchall()
    return {key for key, state in (*waiting, *stored) if counts(RunState(state)) and key in wanted}


def _dated(results: Sequence[RunResult]) -> pa.Table:
    now = time.time_ns() // 1000
    return as_table([(now, result) for result in results])


def _batches(db: Database) -> Iterator[dict[Path, pa.Table]]:
    """Yield the files in the spool with their rows, some files at a time."""
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
    """Yield the same batches, while a thread already reads the next one."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = thread.submit(next, batches, None)
            yield batch


def _sound(db: Database, batch: dict[Path, pa.Table]) -> dict[Path, pa.Table]:
    """Return the files whose rows are sound, and reject the others."""
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
    """Put the rows of some files, with predictions and weights, into the tables; return how many runs were new."""
    count = insert_rows(con, pa.concat_tables([SCHEMA.empty_table(), *batch.values()]))
    for path in batch if count else ():
        _insert_outcomes(db, con, _outcomes(db, path))
    return count


def _outcomes(db: Database, path: Path) -> Path:
    """Return the file with predictions and weights of the runs in a result file."""
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
        with suppress(*BROKEN):  # ingested meanwhile, or for ingest to reject
            tables.append(result_files.read(path))
    return pa.concat_tables(tables)


def _waiting(db: Database) -> list[Path]:
    """Return all files in the spool but fresh drafts; an old draft may be whole, or ingest rejects it."""
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
        return abs(time.time() - path.lstat().st_mtime) < STALE or bool(live_files(db))
    return True


def _reject(db: Database, path: Path, error: Exception) -> None:
    target = db.rejected / path.name
    if target.exists() or target.is_symlink():
        target = db.rejected / f"{time.time_ns()}-{path.name}"
    with suppress(OSError):  # a file that cannot be moved must not hold up the others
        path.rename(target)
        target.with_name(target.name + ".txt").write_text(first_line(error) + "\n", encoding="utf-8")
