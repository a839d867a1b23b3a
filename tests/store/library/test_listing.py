"""Saved sweeps are found, sorted, cut into pages and counted, whatever is asked."""

import pytest

from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.library import catalog, listing, sweeps
from store.results.spool import Spool, ingest
from tests import homes
from tests.store.fakes import RUNS, SWEEP, result
from tests.store.shelves import TABLES, content

OTHERS = [SweepSpec.of({"dataset": "moons", "width": (2, 3 + place), "seed": 7}) for place in range(6)]


def _stock(db: Database) -> None:
    """Put six sweeps on moons into the store, and one on digits whose runs are done, failed or not yet trained."""
    sweeps.save_sweep(db, SWEEP, "Noisy digits, Übergröße")
    for place, sweep in enumerate(OTHERS):
        sweeps.save_sweep(db, sweep, f"moons {place}")
    catalog.set_note(db, OTHERS[0].key, "the valley\nat 50 %")
    catalog.add_tags(db, OTHERS[0].key, ["paper", "fig:1"])
    catalog.add_tags(db, OTHERS[1].key, ["paper"])
    catalog.archive(db, OTHERS[5].key, True)
    Spool(db, "v").put([result(RUNS[0]), result(RUNS[1], RunState.FAILED), result(RUNS[2], RunState.DIVERGED)])
    ingest(db)


@pytest.fixture
def stocked(db: Database) -> Database:
    """The store that is stocked, beside a worker that has a run in training."""
    homes.fresh(db.home, _stock)
    worker = Spool(db, "w")
    worker.put([result(RUNS[3]), result(RUNS[1], RunState.FAILED)])
    worker.show([result(RUNS[4], RunState.RUNNING)])
    return db


def found(db: Database, text: str = "", **asked: object) -> list[str]:
    return list(listing.page(db, text, **asked).rows["name"])  # type: ignore[arg-type]


def test_runs_are_counted_by_what_became_of_them(stocked: Database) -> None:
    row = listing.page(stocked, "digits").rows.iloc[0]
    counts = {name: int(row[name]) for name in ("runs", "done", "failed", "running")}
    assert counts == {"runs": len(RUNS), "done": 3, "failed": 1, "running": 1}
    assert (row["arch"], row["dataset"], row["tags"], row["note"]) == ("mlp", "digits", (), "")
    assert listing.page(stocked, "fig:1").rows.iloc[0]["tags"] == ("fig:1", "paper")


def test_words_are_found_wherever_they_stand_in_capitals_or_not(stocked: Database) -> None:
    texts = ("VALLEY", "fig:1 paper", "0 moons", OTHERS[0].key[:9], "50 % mlp", "  valley \n at ", "moons valley PAPER")
    for text in texts:
        assert found(stocked, text) == ["moons 0"], text


def test_letters_beyond_ascii_have_capitals_too(stocked: Database) -> None:
    assert found(stocked, "übergröße") == found(stocked, "ÜBERGRÖ") == ["Noisy digits, Übergröße"]


def test_what_is_nowhere_is_not_found_and_harms_nothing(stocked: Database) -> None:
    before = content(stocked)
    for text in ("nowhere", "moons digits", "_", "%0", "' OR 1=1 --", "'; DROP TABLE runs; --", "\0", "$word0"):
        page = listing.page(stocked, text, tags=[text], number=3)
        assert (len(page.rows), page.total, page.number, page.pages) == (0, 0, 1, 1), text
        assert found(stocked, text) == [], text
    assert content(stocked) == before
    assert set(TABLES) == set(before)


def test_pages_cut_the_order_and_one_beyond_the_last_is_the_last(stocked: Database) -> None:
    everything = found(stocked, sort="name")
    assert everything == [f"moons {place}" for place in range(5)] + ["Noisy digits, Übergröße"]
    pages = [listing.page(stocked, sort="name", number=number, rows=4) for number in (1, 2, 3, -5, 10**12)]
    assert [page.number for page in pages] == [1, 2, 2, 1, 2]
    assert {(page.total, page.pages) for page in pages} == {(6, 2)}
    assert [*pages[0].rows["name"], *pages[1].rows["name"]] == everything
    assert found(stocked, sort="newest") == found(stocked, sort="oldest")[::-1]
    with pytest.raises(ValueError, match="sort=created; DROP is not possible; allowed: newest, oldest, name"):
        listing.page(stocked, sort="created; DROP")


def test_tags_and_the_archive_narrow_a_search(stocked: Database) -> None:
    assert found(stocked, tags=["paper"], sort="name") == ["moons 0", "moons 1"]
    assert found(stocked, tags=["paper", "fig:1", "paper"]) == ["moons 0"]
    assert found(stocked, tags=["pap"]) == []
    assert found(stocked, archived=True) == ["moons 5"]
    assert len(found(stocked, archived=None)) == 7
    assert listing.tags(stocked) == {"paper": 2, "fig:1": 1}


def test_titles_are_the_newest_names_and_say_how_many_there_are(stocked: Database) -> None:
    titles, total = listing.titles(stocked, "moons", most=2)
    assert (list(titles.values()), total) == (["moons 4", "moons 3"], 5)
    asked = [OTHERS[5].key, "gone", OTHERS[2].key]
    assert listing.names(stocked, asked) == {OTHERS[5].key: "moons 5", OTHERS[2].key: "moons 2"}
