"""What a page says of a store that lacks what it held, and of a disk that is full."""

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import link
from store.db import backup
from store.db.connection import Database
from store.home import open_database
from store.results import queries
from store.results.spool import PatientSpool, Spool, ingest
from tests.pages import made_up
from tests.pages.conftest import FRAME
from tests.store.fakes import start

Open = Callable[..., AppTest]


@contextmanager
def full_disk(most: int) -> Iterator[None]:
    """Let no file of this process grow beyond `most` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if (
        sys.platform != "linux"
        or shutil.which("mount") is None
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("A small disk needs Linux, and the right to mount one.")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("page", [pytest.param("explore.py", marks=pytest.mark.long), "compare.py"])
def test_a_store_that_lacks_results_says_so_until_that_is_accepted(
    opened: Open, db: Database, tmp_path_factory: pytest.TempPathFactory, page: str
) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "older.duckdb"
    backup.backup(db, copy)
    made_up.train(db, link.preset(link.OPENING))
    assert not [said for said in opened(FRAME.with_name(page)).warning if "lacks changes" in said.value]
    shutil.copy(copy, db.file)
    app = opened(FRAME.with_name(page))
    assert not app.exception
    assert "it had 33 results and has 0, so 33 are missing" in app.warning[0].value
    app.button(key="accept-loss").click().run()
    assert not [said for said in app.warning if "lacks changes" in said.value]
    assert not [said for said in opened().warning if "lacks changes" in said.value]


def test_on_a_full_disk_the_page_says_so_and_shows_what_waits(opened: Open, db: Database) -> None:
    sweep = link.preset(link.OPENING)
    worker = Spool(db, "w")
    worker.put([made_up.result(run) for run in sweep.runs()])
    waiting = [path for path in db.spool.iterdir() if path.is_file()]
    with full_disk(16_000):
        app = opened()
        assert not app.exception
        assert [error.value for error in app.error] == [
            f"The disk that holds {db.home} is full: nothing was lost; free some space and try again."
        ]
        assert len(app.get("bidi_component")) == 1
        assert any(caption.value.startswith("**33 runs:** all cached") for caption in app.caption)
        assert [path for path in db.spool.iterdir() if path.is_file()] == waiting
    app = opened()
    assert not app.error
    assert ingest(db) == 0  # the page has done it
    assert set(queries.runs_at(db, sweep.runs())["state"]) == {"finished"}
    assert not Path(waiting[0]).exists()


def _work(home: Path, acks: Path) -> None:
    """Put one run after the other, as a worker does, and note each once it is put."""
    worker = PatientSpool(Database(home), "w")
    for run in link.preset(link.OPENING).runs():
        worker.put([made_up.result(run)])
        with acks.open("a") as opened:
            opened.write(f"{run.key}\n")
        time.sleep(0.02)
    worker.close()


@pytest.mark.timeout(120)
def test_a_worker_waits_out_a_full_disk_and_all_is_there_afterwards(
    small_disk: Path, opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(small_disk / "home"))
    db, acks, filler = open_database(), tmp_path / "acks", small_disk / "filler"
    acks.touch()
    process = start(_work, db.home, acks)
    while len(acks.read_text().split()) < 5:
        time.sleep(0.01)
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    time.sleep(1.0)
    before = acks.read_text().split()
    assert len(before) < 33
    app = opened()
    assert not app.exception
    assert f"The disk that holds {db.home} is full: nothing was lost" in app.error[0].value
    assert set(queries.runs_at(db, link.preset(link.OPENING).runs())["key"]) == set(before)
    assert process.is_alive()
    assert acks.read_text().split() == before
    filler.unlink()
    process.join()
    assert process.exitcode == 0
    app = opened()
    assert not app.error
    assert set(queries.runs_at(db, link.preset(link.OPENING).runs())["state"]) == {"finished"}
    assert len(queries.runs_at(db, link.preset(link.OPENING).runs())) == 33
    assert list(db.rejected.iterdir()) == []
