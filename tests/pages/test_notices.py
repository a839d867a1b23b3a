"""What a page says of a store that lacks what it held, and of a disk that is full."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import link
from store import copies, queries
from store.database import Database
from store.spool import Spool, ingest
from tests.pages import made_up

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


@pytest.mark.parametrize("page", ["explore.py", "compare.py"])
def test_a_store_that_lacks_results_says_so_until_that_is_accepted(
    opened: Open, db: Database, tmp_path_factory: pytest.TempPathFactory, page: str
) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "older.duckdb"
    copies.backup(db, copy)
    made_up.train(db, link.preset(link.OPENING))
    assert not [said for said in opened().switch_page(page).run().warning if "lacks changes" in said.value]
    shutil.copy(copy, db.file)
    app = opened().switch_page(page).run()
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
