"""A read never writes: it changes no file of the store, also where results wait, and needs no right to write."""

import codecs
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.spec.result import RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db import integrity
from store.db.connection import Database
from store.exchange import selection
from store.exchange.gallery import export_gallery
from store.imports import collections
from store.library import catalog, listing, sweeps
from store.results import live_writers, queries, runs, spool
from store.results.spool import STALE, Spool, ingest
from tests import homes
from tests.store.fakes import RUNS, SWEEP, result
from tests.store.imports.test_collections import COLLECTION
from tests.store.results.test_artifacts import npz

STORED, WAITING, FAILED, TRAINING = RUNS[0], RUNS[1], RUNS[2], RUNS[3]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A store with a run in its tables, two that wait, one in training and rubbish; its folders are read-only."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        monkeypatch.setattr("store.exchange.gallery.GALLERY", folder)
        db = homes.fresh(folder / "home")
        sweeps.save_sweep(db, SWEEP, "mine")
        collections.save(db, COLLECTION, "theirs")
        worker = Spool(db, "w")
        worker.put([result(STORED, predictions=npz(STORED), weights=npz(STORED))])
        ingest(db)
        worker.put([result(WAITING, predictions=npz(WAITING), weights=npz(WAITING)), result(FAILED, RunState.FAILED)])
        worker.show([result(TRAINING, RunState.RUNNING)])
        for name in ("rubbish.arrow", "old.arrow.tmp", "live/dead.arrow", "live/dead.lock"):
            path = db.spool / name
            path.write_text("{")
            os.utime(path, (time.time() - 2 * STALE,) * 2)
        paths = [folder, *folder.rglob("*")]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o666)
        codecs.lookup("cp437")  # zipfile wants it, from a folder that may be root's
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # root may write anywhere
        yield db
        os.seteuid(user)
        for path in paths:
            path.chmod(0o755)


def _files(db: Database) -> dict[str, tuple[int, bytes]]:
    """Return when each file and folder was last changed, and the bytes of the files."""
    paths = [db.home, *db.home.rglob("*")]
    return {str(p): (p.stat().st_mtime_ns, b"" if p.is_dir() else p.read_bytes()) for p in paths}


def _export(db: Database) -> None:
    with tempfile.TemporaryDirectory() as folder:
        export_gallery(
            db, SweepSpec.of({"width": 4, "label_noise": 0.2, "seed": 0, "steps": 100}), Path(folder), "one", {}
        )


READS: dict[str, Callable[[Database], object]] = {
    "runs_at": lambda db: queries.runs_at(db, RUNS),
    "eval_steps": lambda db: queries.eval_steps(db, RUNS),
    "curves": lambda db: queries.curves(db, RUNS),
    "progress": lambda db: queries.progress(db, RUNS),
    "predictions": lambda db: queries.predictions(db, RUNS),
    "weights": lambda db: queries.weights(db, WAITING.key),
    "missing": lambda db: runs.missing(db, RUNS),
    "done_batches": lambda db: list(runs.done_batches(db)),
    "find": lambda db: catalog.find(db, "mine"),
    "describe": lambda db: catalog.describe(db, SWEEP.key),
    "share": lambda db: catalog.share(db, SWEEP.key),
    "page": lambda db: listing.page(db),
    "titles": lambda db: listing.titles(db),
    "tags": lambda db: listing.tags(db),
    "names": lambda db: listing.names(db, [SWEEP.key]),
    "load_sweep": lambda db: sweeps.load_sweep(db, SWEEP.key),
    "save a saved sweep": lambda db: sweeps.save_sweep(db, SWEEP),
    "selection": lambda db: selection.as_bytes(db, [SWEEP.key], ".csv"),
    "export_gallery": _export,
    "imports": lambda db: collections.imports(db),
    "runs_of": lambda db: collections.runs_of(db, COLLECTION.key),
    "find a collection": lambda db: collections.find(db, "theirs"),
    "points": lambda db: collections.points(db),
    "describe a collection": lambda db: collections.describe(db, COLLECTION.key),
    "lost": integrity.lost,
    "live_files": live_writers.live_files,
    "live_results": spool.live_results,
    "pending": spool.pending,
    "generation": lambda db: db.generation(),
}


def test_no_read_changes_a_file_although_results_wait(waiting: Database) -> None:
    before = _files(waiting)
    for name, read in READS.items():
        read(waiting)
        assert _files(waiting) == before, name


def test_answers_have_what_waits_and_what_trains(waiting: Database) -> None:
    def states(found: Any) -> dict[str, str]:
        return dict(zip(found["key"], found["state"], strict=True))

    expected = {STORED: "finished", WAITING: "finished", FAILED: "failed", TRAINING: "running"}
    by_key = {run.key: state for run, state in expected.items()}
    assert states(queries.runs_at(waiting, RUNS)) == states(queries.progress(waiting, RUNS)) == by_key
    assert set(queries.curves(waiting, RUNS)["key"]) == set(by_key)
    assert runs.missing(waiting, RUNS) == list(RUNS[2:])
    assert catalog.describe(waiting, SWEEP.key)["states"] == {"failed": 1, "finished": 2, "missing": 5, "running": 1}
    (row,) = listing.page(waiting).rows.to_dict("records")
    assert (row["runs"], row["done"], row["failed"], row["running"]) == (9, 2, 1, 1)


def test_what_is_read_from_the_tables_alone_is_there_once_somebody_has_ingested(db: Database) -> None:
    Spool(db, "w").put([result(WAITING, predictions=npz(WAITING), weights=npz(WAITING))])
    sweeps.save_sweep(db, SWEEP)

    def found() -> tuple[set[str], bool, int, list[RunSpec]]:
        weights = queries.weights(db, WAITING.key)
        rows = sum(len(part) for part in selection.take(db, [SWEEP.key])[0])
        assert catalog.share(db, SWEEP.key).own == rows
        return set(queries.predictions(db, RUNS)), weights is not None, rows, runs.missing(db, RUNS)

    rest = [run for run in RUNS if run != WAITING]
    assert found() == (set(), False, 0, rest)
    ingest(db)
    assert found() == ({WAITING.key}, True, 1, rest)
