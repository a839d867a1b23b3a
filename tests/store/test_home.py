"""Opening a store: made once, by many at once, and refused in a sentence when it cannot be used."""

import os
import signal
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store.db import connection, instance
from store.db.connection import Database
from store.db.errors import StoreError
from store.home import open_database
from store.library import sweeps
from store.results import queries, runs, spool
from tests.store.fakes import RUNS, SWEEP, event, listed, result, start


@pytest.mark.usefixtures("no_gallery")
def test_home_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path / "here"))
    assert open_database().home == tmp_path / "here"


@pytest.mark.usefixtures("no_gallery")
def test_home_is_in_the_users_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCALESCOPE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_database().home == tmp_path / ".scalescope"


def test_opening_again_changes_nothing(db: Database) -> None:
    before = db.generation()
    assert open_database(db.home) == db
    assert db.generation() == before


def _open_and_put(home: Path, place: int, failed: Any) -> None:
    try:
        db = open_database(home)
        worker = spool.Spool(db, f"w{place}")
        worker.put([result(RUNS[place])])
        spool.ingest(db)
        assert RUNS[place] not in runs.missing(db, RUNS)
    except BaseException:
        failed.set()
        raise


def test_six_processes_open_a_fresh_home_at_once(tmp_path: Path) -> None:
    failed = event()
    processes = [start(_open_and_put, tmp_path / "home", place, failed) for place in range(6)]
    for process in processes:
        process.join()
    assert not failed.is_set()
    assert runs.missing(open_database(tmp_path / "home"), RUNS) == list(RUNS[6:])


def test_a_reader_does_not_wait_for_another(db: Database) -> None:
    with db.reading() as one, db.reading() as other:
        assert one.execute("SELECT 1").fetchall() == other.execute("SELECT 1").fetchall()


def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(duckdb.Error, match="read-only"), db.reading() as con:
        con.execute("DELETE FROM runs")


def test_an_error_undoes_the_whole_writing(db: Database) -> None:
    def write_half() -> None:
        with db.writing() as con:
            con.execute("INSERT INTO meta VALUES ('half', '')")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        write_half()
    with db.reading() as con:
        assert con.execute("SELECT * FROM meta WHERE name = 'half'").fetchall() == []


def test_threads_that_read_and_write_at_once_do_not_disturb_each_other(db: Database) -> None:
    errors: list[Exception] = []
    worker = spool.Spool(db, "w")

    def work(place: int) -> None:
        try:
            for _ in range(5):
                if place == 0:
                    worker.put([result(run) for run in RUNS])
                    spool.ingest(db)
                found = queries.runs_at(db, RUNS[:place])
                assert list(found["key"]) in ([], [run.key for run in RUNS[:place]])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_generation_changes_with_every_commit_spool_file_and_live_update(db: Database) -> None:
    seen = {db.generation()}
    worker = spool.Spool(db, "w")
    steps = (
        lambda: worker.show([result(RUNS[0])]),
        lambda: worker.show([result(RUNS[0], points=6)]),
        lambda: worker.put([result(RUNS[0])]),
        lambda: worker.show([]),
        lambda: spool.ingest(db),
        lambda: sweeps.save_sweep(db, SWEEP),
        lambda: sweeps.rename_sweep(db, SWEEP.key, "mine"),
    )
    for step in steps:
        step()
        assert db.generation() not in seen
        assert db.generation() == db.generation()
        seen.add(db.generation())


def test_another_duckdb_database_is_refused(db: Database) -> None:
    db.file.unlink()
    with duckdb.connect(str(db.file)) as con:
        con.execute("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(StoreError, match="not Scalescope's: move it aside"):
        open_database(db.home)


def test_a_file_that_is_no_database_is_refused(db: Database) -> None:
    for content in (b"", b"not a database at all", os.urandom(5000)):
        db.file.write_bytes(content)
        with pytest.raises(StoreError, match="is not a DuckDB database: move it aside"):
            open_database(db.home)
        assert db.file.read_bytes() == content


def test_a_sqlite_file_is_refused(db: Database) -> None:
    db.file.unlink()
    con = sqlite3.connect(db.file)
    con.execute("CREATE TABLE runs (key TEXT)")
    con.commit()
    con.close()
    with pytest.raises(StoreError, match="is not a DuckDB database: move it aside"):
        open_database(db.home)


def test_a_damaged_database_is_refused(db: Database) -> None:
    data = bytearray(db.file.read_bytes())
    data[4100] ^= 0x55
    db.file.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged: move it aside"):
        open_database(db.home)


def test_a_database_cut_short_is_refused(db: Database) -> None:
    db.file.write_bytes(db.file.read_bytes()[:5000])
    with pytest.raises(StoreError, match="is cut short: move it aside"):
        open_database(db.home)


def test_a_database_that_is_gone_is_made_anew(db: Database) -> None:
    db.file.unlink()
    with pytest.raises(StoreError, match="is gone: start Scalescope again"):
        listed(db)
    assert listed(open_database(db.home)).empty


def _die_with_a_wal(home: Path) -> None:
    with duckdb.connect(str(home / "scalescope.duckdb"), config=instance.CONFIG) as con:
        for number in range(100):
            con.execute("INSERT INTO meta VALUES (?, '')", [f"row {number}"])
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def wal(db: Database) -> Path:
    """The write-ahead log of a writer that was killed."""
    start(_die_with_a_wal, db.home).join()
    found = Path(f"{db.file}.wal")
    assert found.stat().st_size > 1000
    return found


def _rows(db: Database) -> int:
    with db.reading() as con:
        found = con.execute("SELECT count(*) FROM meta WHERE name LIKE 'row %'").fetchone()
    assert found is not None
    return int(found[0])


def test_what_a_killed_writer_committed_is_there(db: Database, wal: Path) -> None:
    assert _rows(open_database(db.home)) == 100


def test_a_torn_wal_keeps_what_was_whole(db: Database, wal: Path) -> None:
    wal.write_bytes(wal.read_bytes()[:-7])
    assert _rows(open_database(db.home)) == 99


def test_a_damaged_wal_is_refused_with_a_way_forward_that_works(db: Database, wal: Path) -> None:
    wal.write_bytes(wal.read_bytes().replace(b"row 50", b"now 50"))
    with pytest.raises(StoreError, match=r"\.wal, are damaged: move them aside \(mv "):
        open_database(db.home)
    wal.rename(f"{wal}.old")
    assert _rows(open_database(db.home)) == 0


def test_the_wal_of_a_database_that_was_moved_away_does_no_harm(db: Database, wal: Path) -> None:
    db.file.rename(f"{db.file}.old")
    assert _rows(open_database(db.home)) == 0
    assert Path(f"{wal}.old").exists()


def _hold(file: Path, held: Any, seconds: float) -> None:
    with duckdb.connect(str(file)):
        held.set()
        time.sleep(seconds)


def test_a_foreign_tool_is_waited_for(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "FOREIGN_WAIT", 60.0)
    held = event()
    start(_hold, db.file, held, 0.5)
    held.wait()
    assert listed(db).empty


def test_a_foreign_tool_that_stays_is_named(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "FOREIGN_WAIT", 0.2)
    held = event()
    holder = start(_hold, db.file, held, 60)
    held.wait()
    with pytest.raises(StoreError, match=r"Another program has .* open: close it"):
        listed(db)
    holder.kill()
    holder.join()


def test_a_process_that_keeps_the_store_busy_is_named(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_WAIT", 0.2)
    with db.locked(), pytest.raises(StoreError, match=r"has kept the store busy .* try again"):
        listed(db)


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that this process may not write to, even where it is root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield folder
        os.seteuid(user)
        folder.chmod(0o755)


def test_a_folder_without_the_right_to_write_is_refused(locked_folder: Path) -> None:
    for home in (locked_folder, locked_folder / "home"):
        with pytest.raises(StoreError, match=r"may not write to .*: make the folder writable, or set SCALESCOPE_HOME"):
            open_database(home)


def test_a_file_where_the_home_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreError, match="move aside what has this name, or set SCALESCOPE_HOME"):
        open_database(tmp_path / "home")
