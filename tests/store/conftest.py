"""A fresh store for each test, without the gallery."""

import shutil
from pathlib import Path

import pytest

from store import shipped
from store.database import Database, open_database
from tests.store import shelves


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was opened once, for copying: that is faster than making it."""
    folder = tmp_path_factory.mktemp("empty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "GALLERY", folder)
        return open_database(folder / "home").home


@pytest.fixture
def db(tmp_path: Path, empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(shipped, "GALLERY", tmp_path)
    shutil.copytree(empty_home, tmp_path / "home")
    return open_database(tmp_path / "home")


@pytest.fixture
def filled(db: Database) -> Database:
    """A store with two sweeps that share runs."""
    shelves.fill(db)
    return db
