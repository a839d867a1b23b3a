"""A spool full of rubbish: what is sound goes into the tables, the rest aside with a reason, and nothing hangs."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.spec.run import RunSpec
from store.db.connection import Database
from store.home import open_database
from store.results import runs
from store.results.spool import Spool, ingest, live_results, pending
from tests.store.fakes import RUNS, result


def _fill(db: Database) -> set[str]:
    """Put rubbish into the spool, and return its names."""
    spool = db.spool
    worker = Spool(db, "torn")
    worker.put([result(RUNS[8])])
    worker.close()
    (sound,) = (path for path in spool.iterdir() if path.is_file())
    data, suffix = sound.read_bytes(), sound.suffix
    sound.unlink()
    (spool / f"half{suffix}").write_bytes(data[: len(data) // 2])
    (spool / "zeros").write_bytes(bytes(100_000))
    (spool / "empty").touch()
    (spool / ("n" * 255)).write_text("a long name")
    undecodable = "\udcff" if sys.platform == "linux" else ""  # the disks of others take names of UTF-8 alone
    (spool / f"line\nbreak '%s' {undecodable}").write_text("an odd name")
    (spool / f".hidden{suffix}").write_text("hidden")
    (spool / "folder").mkdir()
    (spool / "folder" / f"inner{suffix}").write_bytes(data)
    os.mkfifo(spool / f"pipe{suffix}")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(spool)  # its whole path is longer than a socket's name may be
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
    (spool / f"endless{suffix}").symlink_to("/dev/zero")
    (spool / f"nowhere{suffix}").symlink_to("/nowhere/at/all")
    (spool / f"loop{suffix}").symlink_to(f"loop{suffix}")
    with (spool / f"vast{suffix}").open("wb") as vast:
        vast.truncate(2**42)
    return set(os.listdir(spool)) - {db.live.name, db.outcomes.name, db.rejected.name}


@pytest.mark.timeout(60)
def test_every_kind_of_rubbish_goes_aside_with_a_reason_and_what_is_sound_into_the_tables(db: Database) -> None:
    rubbish = _fill(db)
    worker = Spool(db, "w")
    worker.put([result(run) for run in RUNS[:3]])
    assert {dated[1].spec for dated in pending(db)} == set(RUNS[:3])
    assert ingest(db) == 3
    assert ingest(db) == 0
    assert runs.missing(open_database(db.home), RUNS) == list(RUNS[3:])
    assert set(os.listdir(db.spool)) == {db.live.name, db.outcomes.name, db.rejected.name}
    aside = set(os.listdir(db.rejected))
    assert rubbish <= aside
    reasons = aside - rubbish
    assert len(reasons) == len(rubbish) - 1  # the longest name has no room for one beside it
    for name in reasons:
        assert (db.rejected / name).read_text().count("\n") == 1


@pytest.mark.timeout(100)
@pytest.mark.parametrize("many", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_thousands_of_files_of_rubbish_do_not_hold_up_a_result(db: Database, many: int) -> None:
    for number in range(many):
        (db.spool / f"{number}.rubbish").write_text("rubbish")
    Spool(db, "w").put([result(RUNS[0])])
    assert ingest(db) == 1
    assert runs.missing(db, RUNS[:1]) == []
    assert len(os.listdir(db.rejected)) == 2 * many


def test_rubbish_among_the_files_of_workers_is_passed_by(db: Database) -> None:
    for folder in (db.live, db.outcomes):
        (folder / "folder").mkdir()
        os.mkfifo(folder / "pipe")
        (folder / "endless").symlink_to("/dev/zero")
        (folder / ("n" * 255)).write_text("rubbish")
    Spool(db, "w").put([result(RUNS[0], predictions=b"kept")])
    assert live_results(db) == []
    assert ingest(db) == 1
    with db.reading() as con:
        assert con.execute("SELECT predictions FROM outcomes").fetchall() == [(b"kept",)]


@contextmanager
def _as_nobody(db: Database) -> Iterator[Database]:
    """Lend a copy of the store where this process has no special rights, whoever it is."""
    folder, user = Path(tempfile.mkdtemp()), os.geteuid()
    folder.chmod(0o755)  # pytest's own folders are closed to others
    shutil.copytree(db.home, folder / "home")
    for path in (folder / "home", *(folder / "home").rglob("*")):
        if user == 0:
            os.chown(path, 65534, 65534)
    try:
        if user == 0:
            os.seteuid(65534)
        yield Database(folder / "home")
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


def test_what_may_not_be_read_goes_aside(db: Database) -> None:
    with _as_nobody(db) as mine:
        worker = Spool(mine, "w")
        worker.put([result(RUNS[0])])
        (closed,) = (path for path in mine.spool.iterdir() if path.is_file())
        closed.chmod(0)
        worker.put([result(RUNS[1])])
        worker.close()
        assert ingest(mine) == 1
        assert "Permission denied" in (mine.rejected / f"{closed.name}.txt").read_text()
        assert (mine.rejected / closed.name).exists()


def test_a_folder_for_rubbish_that_cannot_be_written_holds_up_nothing(db: Database) -> None:
    with _as_nobody(db) as mine:
        mine.rejected.chmod(0o555)
        (mine.spool / "rubbish").write_text("rubbish")
        for place in range(2):
            worker = Spool(mine, "w")
            worker.put([result(RUNS[place])])
            worker.close()
            assert ingest(mine) == 1
        assert (mine.spool / "rubbish").exists()
        mine.rejected.chmod(0o777)
        Spool(mine, "w").put([result(RunSpec(width=9, steps=100))])
        ingest(mine)
        assert (mine.rejected / "rubbish").exists()
