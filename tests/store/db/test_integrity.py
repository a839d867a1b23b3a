"""A store that lacks what it held before says so, whoever opens it, until that is accepted."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.commands.main import main as engine_main
from store.commands.main import main
from store.db import backup, integrity
from store.db.connection import Database
from store.home import open_database
from store.library import catalog
from store.results import runs
from store.results.spool import Spool, ingest
from tests import homes
from tests.store.fakes import RUNS, SWEEP, result, start

ROOT = Path(__file__).parents[3]
LACKS = "lacks changes that it held before"


def _put(db: Database, first: int, last: int) -> None:
    worker = Spool(db, "w")
    worker.put([result(run) for run in RUNS[first:last]])
    worker.close()
    ingest(db)


def _fill(db: Database) -> None:
    """Make a copy of the store when it has three results, and go on to eight."""
    _put(db, 0, 3)
    backup.backup(db, db.home.parent / "older.duckdb")
    assert integrity.lost(db) == ""
    _put(db, 3, 8)
    assert integrity.lost(db) == ""
    (db.home.parent / "older.duckdb").rename(db.home / "older.duckdb")


@pytest.fixture
def older(db: Database, tmp_path: Path) -> Path:
    """A copy of the store with three results; it has eight now."""
    homes.fresh(db.home, _fill)
    return (db.home / "older.duckdb").rename(tmp_path / "older.duckdb")


def _command(db: Database, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SCALESCOPE_HOME": str(db.home), "SCALESCOPE_GALLERY": str(db.spool)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=True)


def test_an_older_copy_in_its_place_is_noticed_until_it_is_accepted(
    db: Database,
    older: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(db.home))
    shutil.copy(older, db.file)
    assert f"{LACKS}: it had 8 results and has 3, so 5 are missing" in integrity.lost(db)
    done = _command(db, ["store", "list"])
    assert LACKS in done.stderr
    assert LACKS not in done.stdout
    for _ in range(2):
        assert engine_main(["sweep", "moons-overfitting", "--dry-run"]) == 0
        assert LACKS in caplog.text
        assert LACKS not in capsys.readouterr().out
        caplog.clear()
        _put(db, 8, 9)  # what is changed meanwhile does not hide it
        assert "it had 8 results and has 3, so 5 are missing" in integrity.lost(db)
    assert main(["accept"]) == 0
    assert "taken as it is" in capsys.readouterr().out
    caplog.clear()
    assert main(["accept"]) == 0
    said = capsys.readouterr()
    assert "Nothing is missing" in said.out
    assert said.err == caplog.text == ""
    assert runs.missing(db, RUNS) == list(RUNS[3:8])


def test_the_newer_file_back_in_its_place_is_whole_again(db: Database, older: Path, tmp_path: Path) -> None:
    newer = db.file.rename(tmp_path / "newer.duckdb")
    shutil.copy(older, db.file)
    assert LACKS in integrity.lost(db)
    shutil.move(newer, db.file)
    assert integrity.lost(db) == ""
    newer = db.file.rename(tmp_path / "newer.duckdb")
    shutil.copy(older, db.file)
    _put(db, 8, 9)
    shutil.move(newer, db.file)  # without the one run that was put meanwhile
    assert "it had 8 results and has 8." in integrity.lost(db)
    integrity.accept(db)
    assert integrity.lost(db) == ""


def test_the_store_of_another_machine_is_none_of_ours(db: Database, older: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(older, other / "scalescope.duckdb")
    there = open_database(other)
    assert integrity.lost(there) == ""  # a backup in a new folder is a store of its own
    for first in range(3, 9):
        _put(there, first, first + 1)
    shutil.copy(there.file, db.file)  # it has seen more changes, but not ours
    assert "it had 8 results and has 9." in integrity.lost(db)


def test_a_store_begun_anew_says_what_is_gone(db: Database, older: Path) -> None:
    db.file.unlink()
    db = open_database(db.home)
    assert "it had 8 results and has 0, so 8 are missing" in integrity.lost(db)
    integrity.accept(db)
    assert integrity.lost(open_database(db.home)) == ""


@pytest.mark.parametrize(
    "content", [None, b"", *(pytest.param(c, marks=pytest.mark.long) for c in (b"[]", b'{"line": 3}', b"\xff"))]
)
def test_without_a_ledger_the_store_is_taken_as_it_is(db: Database, older: Path, content: bytes | None) -> None:
    db.ledger.unlink()
    if content is not None:
        db.ledger.write_bytes(content)
    assert integrity.lost(open_database(db.home)) == ""
    _put(db, 8, 9)
    shutil.copy(older, db.file)
    assert "it had 9 results and has 3, so 6 are missing" in integrity.lost(db)


def _commit_and_die(home: Path) -> None:
    db = Database(home)
    for first in range(0, 6, 2):
        with db.locked(), db.changing() as con:
            con.execute("SET wal_autocheckpoint = '1 GB'")
            con.execute("PRAGMA disable_checkpoint_on_shutdown")
            con.execute("INSERT INTO meta VALUES (?, '')", [f"row {first}"])
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_log_cut_short_or_lost_is_noticed(db: Database) -> None:
    _put(db, 0, 3)
    start(_commit_and_die, db.home).join()
    log = Path(f"{db.file}.wal")
    kept = log.read_bytes()
    assert integrity.lost(db) == ""
    for size in (len(kept) - 1, len(kept) // 2, 1):
        log.write_bytes(kept[:size])
        assert LACKS in integrity.lost(db)
    log.unlink()
    assert LACKS in integrity.lost(open_database(db.home))


def test_a_kill_between_a_change_and_its_line_in_the_ledger_is_no_loss(db: Database) -> None:
    _put(db, 0, 3)
    before = db.ledger.read_bytes()
    _put(db, 3, 6)
    db.ledger.write_bytes(before)
    assert integrity.lost(db) == ""
    _put(db, 6, 9)
    assert integrity.lost(db) == ""


def test_deleting_and_vacuum_are_no_loss(filled: Database) -> None:
    catalog.delete(filled, SWEEP.key)
    backup.vacuum(filled)
    assert integrity.lost(open_database(filled.home)) == ""
