"""A fresh store for each test, without the gallery."""

from pathlib import Path

import pytest

from engine.spec.result import RunState
from store.db.connection import Database
from store.exchange import gallery
from store.library import sweeps
from store.results.spool import Spool
from tests import homes
from tests.store import shelves
from tests.store.exchange.packs import export
from tests.store.fakes import RUNS, SWEEP, result


@pytest.fixture
def no_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new home takes in nothing, which is what takes most of its first opening."""
    monkeypatch.setattr(gallery, "GALLERY", tmp_path)


@pytest.fixture
def db(tmp_path: Path, no_gallery: None) -> Database:
    return homes.fresh(tmp_path / "home")


def _export_nine_runs(db: Database) -> None:
    states = [RunState.DIVERGED] * 2 + [RunState.FINISHED] * 7
    Spool(db, "w").put([result(run, state) for run, state in zip(RUNS, states, strict=True)])
    sweeps.save_sweep(db, SWEEP, "Mine")
    export(db, db.home / "runs.scalescope")


@pytest.fixture
def file(db: Database, tmp_path: Path) -> Path:
    """A pack of nine runs, two of them diverged; the store `db` has them too."""
    homes.fresh(db.home, _export_nine_runs)
    return (db.home / "runs.scalescope").rename(tmp_path / "runs.scalescope")


@pytest.fixture
def fresh(tmp_path: Path, db: Database) -> Database:
    return homes.fresh(tmp_path / "fresh")


@pytest.fixture
def filled(db: Database) -> Database:
    """A store with two sweeps that share runs."""
    return homes.fresh(db.home, shelves.fill)
