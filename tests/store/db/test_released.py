"""A file of every released schema: brought up to date with all that it held, and kept beside as it was."""

import gzip
import json
import math
import re
import resource
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np
import pytest

from engine.spec.result import METRICS, RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db import schema
from store.db.backup import COPIES
from store.db.connection import Database
from store.db.errors import StoreError
from store.db.instance import CONFIG
from store.exchange import gallery
from store.home import open_database
from store.library import catalog, sweeps
from store.results import queries, runs
from store.results.spool import Spool, ingest
from tests.store import fakes
from tests.store.fakes import listed, start

FOLDER = Path(__file__).parent / "released"
FILES = {int(re.findall(r"\d+", path.name)[0]): path for path in FOLDER.glob("version-*.duckdb.gz")}
LATER = {"point_seconds": 2, "predictions": 3, "note": 5}
"""The first version that kept it."""
NEVER_ALONE = {6, 7}
"""Versions that were released together with a later one, so that no store ever stayed at them."""


def _unpacked(version: int, home: Path) -> Path:
    home.mkdir()
    file = home / "scalescope.duckdb"
    file.write_bytes(gzip.decompress(FILES[version].read_bytes()))
    return file


@pytest.fixture(autouse=True)
def _no_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "GALLERY", tmp_path)


def test_every_released_schema_has_a_file() -> None:
    assert set(FILES) == set(range(1, schema.NEWEST + 1)) - NEVER_ALONE


@pytest.mark.parametrize(
    "version", [n if n in (1, LATER["note"]) else pytest.param(n, marks=pytest.mark.long) for n in sorted(FILES)]
)
def test_a_released_store_opens_with_all_that_it_held(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _unpacked(version, tmp_path / "home")
    facts = json.loads((FOLDER / f"version-{version}.json").read_text())
    with monkeypatch.context() as patch:
        patch.setattr("engine.spec.run.ENGINE_VERSION", facts["engine_version"])  # whose keys its runs have
        patch.setattr(fakes, "METRICS", facts["metrics"])
        sweep = SweepSpec.of(dict(fakes.SWEEP.settings))
        db = open_database(tmp_path / "home")
        _check(db, sweep, version)
        copy = db.home / f"scalescope.before-{schema.NEWEST}.duckdb"
        assert copy.exists() is (version < schema.NEWEST)
        if copy.exists():
            with duckdb.connect(str(copy), read_only=True, config=CONFIG) as con:
                assert schema.version(con) == version
            back = tmp_path / "back"
            back.mkdir()
            copy.rename(back / "scalescope.duckdb")
            _check(open_database(back), sweep, version)
    Spool(db, "w").put([fakes.result(RunSpec(width=77, steps=100))])  # and it goes on
    assert ingest(db) == 1


def _check(db: Database, sweep: SweepSpec, version: int) -> None:
    made = sweep.runs()
    found = queries.runs_at(db, made)
    assert list(found["key"]) == [run.key for run in made]
    assert list(found["state"]) == ["failed", "diverged"] + ["finished"] * 7
    assert found["error"][0] == "The reason."
    points = queries.curves(db, made)
    for place, run in enumerate(made):
        state = RunState(found["state"][place])
        curve = points[points["key"] == run.key]
        expected = fakes.result(run, state)
        for name in METRICS:
            if name in expected.metrics:  # else it is measured only since
                assert _numbers(curve[name]) == _numbers(expected.metrics[name]), name
        seconds = expected.point_seconds if version >= LATER["point_seconds"] else [math.nan] * len(curve)
        assert _numbers(curve["seconds"]) == _numbers(seconds)
    with db.reading() as con:
        left = con.execute("SELECT key, predictions FROM runs JOIN outcomes USING (run_id)").fetchall()
    finished = [run.key for run in made[2:]] if version >= LATER["predictions"] else []
    assert sorted(left) == sorted((key, b"predictions") for key in finished)
    assert list(listed(db)["name"]) == ["Mine"]
    assert sweeps.load_sweep(db, sweep.key) == sweep
    assert runs.missing(db, made) == [made[0]]
    described = catalog.describe(db, sweep.key)
    noted = version >= LATER["note"]
    assert described["note"] == ("Of another time." if noted else "")
    assert described["tags"] == (["kept", "old"] if noted else [])
    assert described["archived"] is noted


def _numbers(values: Iterable[float]) -> list[float | None]:
    """Return them as coarse as the coarsest table keeps them; what is not finite is in none."""
    return [float(np.float32(value)) if math.isfinite(value) else None for value in values]


def test_the_copies_before_the_newest_versions_stay(tmp_path: Path) -> None:
    home = tmp_path / "home"
    _unpacked(1, home)
    older = [home / f"scalescope.before-{version}.duckdb" for version in range(schema.NEWEST - 4, schema.NEWEST)]
    for path in older:
        path.write_text(path.name)
    (home / "scalescope.before-mine.duckdb").write_text("mine")
    open_database(home)
    assert [path.exists() for path in older] == [False] * (5 - COPIES) + [True] * (COPIES - 1)
    assert older[-1].read_text() == older[-1].name
    assert (home / "scalescope.before-mine.duckdb").read_text() == "mine"


def _open_on_a_full_disk(home: Path, said: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        open_database(home)
    except StoreError as problem:
        said.write_text(str(problem))


def test_without_room_for_the_copy_nothing_is_migrated(tmp_path: Path) -> None:
    file, said = _unpacked(1, tmp_path / "home"), tmp_path / "said"
    before = file.read_bytes()
    start(_open_on_a_full_disk, file.parent, said).join()
    assert re.search(r"has no room for it: nothing was changed; free [\d.]+ MiB and try again", said.read_text())
    assert sorted(path.name for path in file.parent.glob("scalescope.before*")) == []
    with duckdb.connect(str(file), read_only=True, config=CONFIG) as con:
        assert schema.version(con) == 1
        assert len(con.execute("FROM runs").fetchall()) == 9
    assert len(before) == file.stat().st_size
    open_database(file.parent)


def test_a_migration_that_fails_leaves_the_store_and_its_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _unpacked(1, tmp_path / "home")
    broken = (*schema.MIGRATIONS, "ALTER TABLE runs ADD COLUMN extra VARCHAR; SELECT error('broken')")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    monkeypatch.setattr(schema, "NEWEST", len(broken))
    for _ in range(2):
        with pytest.raises(duckdb.Error, match="broken"):
            open_database(file.parent)
        for path in (file, file.parent / f"scalescope.before-{len(broken)}.duckdb"):
            with duckdb.connect(str(path), read_only=True, config=CONFIG) as con:
                assert schema.version(con) == 1


def _migrate(home: Path) -> None:
    open_database(home)


def test_six_processes_migrate_once(tmp_path: Path) -> None:
    file = _unpacked(1, tmp_path / "home")
    for process in [start(_migrate, file.parent) for _ in range(6)]:
        process.join()
        assert process.exitcode == 0
    with open_database(file.parent).reading() as con:
        assert schema.version(con) == schema.NEWEST
        assert len(con.execute("FROM runs").fetchall()) >= 9
    assert len(list(file.parent.glob("scalescope.before*"))) == 1
