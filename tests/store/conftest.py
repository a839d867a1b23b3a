"""A fresh store for each test, without the gallery."""

import shutil
from pathlib import Path

import pytest

from engine.spec.result import RunState
from store.db.connection import Database
from store.exchange import gallery
from store.home import open_database
from store.library import sweeps
from store.results.spool import Spool
from tests.store import shelves
from tests.store.exchange.packs import export, home
from tests.store.fakes import RUNS, SWEEP, result


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was opened once, for copying: that is faster than making it."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "GALLERY", folder)
        return open_database(folder / "home").home


@pytest.fixture
def db(tmp_path: Path, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(gallery, "GALLERY", tmp_path)
    shutil.copytree(empty_home, tmp_path / "home")
    return open_database(tmp_path / "home")


@pytest.fixture
def file(db: Database, tmp_path: Path) -> Path:
    """A pack of nine runs, two of them diverged."""
    states = [RunState.DIVERGED] * 2 + [RunState.FINISHED] * 7
    Spool(db, "w").put([result(run, state) for run, state in zip(RUNS, states, strict=True)])
    sweeps.save_sweep(db, SWEEP, "Mine")
    return export(db, tmp_path / "runs.scalescope")


@pytest.fixture
def fresh(empty_home: Path, tmp_path: Path, db: Database) -> Database:
    return home(empty_home, tmp_path / "fresh")


@pytest.fixture
def filled(db: Database) -> Database:
    """A store with two sweeps that share runs."""
    shelves.fill(db)
    return db
