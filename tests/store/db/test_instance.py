"""The DuckDB that is kept: threads share it, the file is closed in between, and it opens nothing else."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import psutil
import pytest

from engine.spec.run import RunSpec
from store.db.backup import vacuum
from store.db.connection import Database
from store.db.errors import StoreError
from store.results.spool import Spool, ingest
from tests import homes
from tests.store.fakes import result


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return homes.fresh(tmp_path / "home")


def _count(db: Database) -> int:
    with db.reading() as con:
        ((count,),) = con.execute("SELECT count(*) FROM runs").fetchall()
    return int(count)


def test_threads_read_at_once_what_was_written_before(db: Database) -> None:
    def counts(_: int) -> list[int]:
        return [_count(db) for _ in range(20)]

    worker = Spool(db, "w")
    with ThreadPoolExecutor(4) as threads:
        read = threads.map(counts, range(4))
        for width in range(1, 11):
            worker.put([result(RunSpec(width=width))])
            ingest(db)
            assert _count(db) == width
        for found in read:
            assert found == sorted(found)
            assert 0 <= found[0] <= found[-1] <= 10


def test_readings_may_stand_in_one_another(db: Database) -> None:
    with db.reading() as outer:
        with db.reading() as inner:
            assert inner.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]
        assert outer.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]


def test_between_readings_and_changes_the_file_is_closed(db: Database) -> None:
    process = psutil.Process()
    for opening in (db.reading, db.writing, db.reading):
        with opening() as con:
            con.execute("FROM runs").fetchall()
            assert str(db.file) in {opened.path for opened in process.open_files()}
        assert str(db.file) not in {opened.path for opened in process.open_files()}
    assert not Path(f"{db.file}.wal").exists()


def test_it_opens_nothing_but_the_store(db: Database, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    statements = (f"FROM read_csv('{other}')", f"COPY runs TO '{other}'", f"ATTACH '{tmp_path / 'more.duckdb'}'")
    for statement in (*statements, "INSTALL spatial", "SET enable_external_access = true"):
        for opening in (db.reading, db.writing):
            with pytest.raises((duckdb.Error, StoreError), match=r"disabled|is running"), opening() as con:
                con.execute(statement)
    with db.reading() as con, pytest.raises(duckdb.Error, match="read-only"):
        con.execute("DELETE FROM runs")


def test_after_an_error_the_next_reading_is_sound(db: Database) -> None:
    for _ in range(3):
        with pytest.raises(duckdb.Error), db.reading() as con:
            con.execute("SELECT nonsense")
        assert _count(db) == 0


def test_a_change_that_fails_is_undone_and_the_next_one_is_sound(db: Database) -> None:
    for _ in range(3):
        with pytest.raises(duckdb.Error), db.writing() as con:
            con.execute("INSERT INTO meta VALUES ('half', ''); SELECT nonsense")
        with db.reading() as con:
            assert con.execute("FROM meta WHERE name = 'half'").fetchall() == []
    with db.writing() as con:
        con.execute("INSERT INTO meta VALUES ('whole', '')")
    vacuum(db)  # for which a DuckDB is started that may open the draft too
    with db.writing() as con:
        assert con.execute("FROM meta WHERE name = 'whole'").fetchall() == [("whole", "")]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork here.")
def test_a_forked_child_reads_too(db: Database) -> None:
    assert _count(db) == 0
    child = os.fork()
    if child == 0:
        os._exit(_count(db))
    assert os.waitpid(child, 0)[1] == 0
    assert _count(db) == 0
