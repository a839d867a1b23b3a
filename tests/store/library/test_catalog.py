"""Sweeps are found, described, marked and deleted, and no run that another sweep has is lost by it."""

import pytest

from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.home import open_database
from store.library import catalog, naming, sweeps
from store.results import queries, runs
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, SWEEP, listed, result
from tests.store.shelves import OTHER, SHARED, TABLES, beside_ingest, content, states


@pytest.mark.parametrize("text", ["noisy digits", SWEEP.key, SWEEP.key[:6]])
def test_a_sweep_is_found_by_name_key_and_beginning(filled: Database, text: str) -> None:
    assert catalog.find(filled, text) == catalog.Found(sweep_id=SWEEP.key, name="noisy digits")
    assert catalog.find(filled, "noisy digits,").sweep_id == OTHER.key


def test_an_ambiguous_beginning_names_what_it_may_be(filled: Database) -> None:
    with pytest.raises(
        ValueError, match=rf"may be 'noisy digits' \({SWEEP.key[:8]}\), .*wider.*write more of its name"
    ):
        catalog.find(filled, "noisy")


@pytest.mark.parametrize("text", ["", "nothing", "noisy%", "' OR 1=1"])
def test_an_unknown_sweep_names_those_there_are(filled: Database, text: str) -> None:
    with pytest.raises(ValueError, match=r"is not known; there are: .*'noisy digits'"):
        catalog.find(filled, text)


def test_a_store_without_sweeps_says_so(db: Database) -> None:
    with pytest.raises(ValueError, match="there are: none yet; train one first"):
        catalog.find(db, "digits")


def test_a_sweep_is_described_with_the_states_of_its_runs(db: Database) -> None:
    sweeps.save_sweep(db, SWEEP, "mine")
    worker = Spool(db, "w")
    worker.put([result(RUNS[0]), result(RUNS[1], RunState.FAILED, error="No."), result(RUNS[3], RunState.DIVERGED)])
    ingest(db)
    worker.put([result(RUNS[2])])
    worker.show([result(run, RunState.RUNNING) for run in (RUNS[1], RUNS[4])])
    found = catalog.describe(db, SWEEP.key)
    assert found["states"] == {"diverged": 1, "finished": 2, "missing": len(RUNS) - 5, "running": 2}
    assert found["runs"] == len(RUNS)
    assert (found["note"], found["tags"], found["archived"]) == ("", [], False)
    assert SweepSpec.of(found["settings"]) == SWEEP


def test_notes_tags_and_the_archive_are_kept_and_taken_back(filled: Database) -> None:
    catalog.set_note(filled, SWEEP.key, " two\nlines ")
    assert catalog.add_tags(filled, SWEEP.key, ["b", "a", "b"]) == ["a", "b"]
    catalog.archive(filled, SWEEP.key, True)
    found = catalog.describe(open_database(filled.home), SWEEP.key)
    assert (found["note"], found["tags"], found["archived"]) == ("two\nlines", ["a", "b"], True)
    rows = listed(filled).set_index("sweep_id")
    assert (list(rows["archived"][[SWEEP.key, OTHER.key]]), rows["tags"][SWEEP.key]) == ([True, False], ("a", "b"))
    assert sweeps.load_sweep(filled, SWEEP.key) == SWEEP
    catalog.set_note(filled, SWEEP.key, "")
    assert catalog.remove_tags(filled, SWEEP.key, ["a"]) == ["b"]
    catalog.archive(filled, SWEEP.key, False)
    found = catalog.describe(filled, SWEEP.key)
    assert (found["note"], found["tags"], found["archived"]) == ("", ["b"], False)


def test_what_cannot_be_marked_changes_nothing(filled: Database) -> None:
    catalog.add_tags(filled, SWEEP.key, ["a"])
    before = content(filled)
    for wrong in (
        lambda: catalog.remove_tags(filled, SWEEP.key, ["a", "b"]),
        lambda: catalog.add_tags(filled, SWEEP.key, ["fine", "not fine"]),
        lambda: catalog.set_note(filled, SWEEP.key, "x" * (naming.MAX_NOTE + 1)),
        lambda: catalog.set_note(filled, "gone", "x"),
        lambda: catalog.archive(filled, "gone", True),
        lambda: catalog.delete(filled, "gone"),
    ):
        with pytest.raises(ValueError, match=r"allowed: |its tags are: a"):
            wrong()
    assert content(filled) == before


def test_a_deleted_sweep_leaves_the_runs_that_others_share(filled: Database) -> None:
    catalog.add_tags(filled, SWEEP.key, ["a"])
    expected = catalog.Share(own=len(RUNS) - len(SHARED), shared=len(SHARED))
    assert catalog.share(filled, SWEEP.key) == expected
    others = queries.curves(filled, OTHER.runs())
    assert catalog.delete(filled, SWEEP.key) == expected
    assert queries.curves(filled, OTHER.runs()).equals(others)
    assert runs.missing(filled, RUNS) == [run for run in RUNS if run not in SHARED]
    assert list(listed(filled)["sweep_id"]) == [OTHER.key]
    rows = content(filled)
    assert [len(rows[table]) for table in TABLES[1:]] == [6, 6, 6, 1, 6, 0]
    catalog.delete(filled, OTHER.key)
    assert [len(content(filled)[table]) for table in TABLES[1:]] == [0] * 6


def test_sweeps_deleted_together_take_along_what_they_share(filled: Database) -> None:
    everything = catalog.Share(own=12, shared=0)
    assert catalog.share(filled, SWEEP.key, OTHER.key) == everything
    with pytest.raises(ValueError, match="gone is not there any more"):
        catalog.delete(filled, SWEEP.key, "gone")
    assert catalog.share(filled, SWEEP.key, OTHER.key) == everything
    assert catalog.delete(filled, SWEEP.key, OTHER.key) == everything
    assert [len(content(filled)[table]) for table in TABLES[1:]] == [0] * 6


def test_a_deleted_sweep_can_be_trained_again(filled: Database) -> None:
    catalog.delete(filled, SWEEP.key)
    sweeps.save_sweep(filled, SWEEP, "again")
    Spool(filled, "again").put([result(run) for run in runs.missing(filled, RUNS)])
    ingest(filled)
    assert catalog.describe(filled, SWEEP.key)["states"] == {"finished": len(RUNS)}


def test_a_sweep_in_training_is_not_deleted(filled: Database) -> None:
    third = SweepSpec.of({"width": 3, "steps": 100})
    sweeps.save_sweep(filled, third)
    worker = Spool(filled, "busy")
    worker.show([result(run, RunState.RUNNING) for run in third.runs()])
    before = content(filled)
    with pytest.raises(StoreError, match="in training: stop it first"):
        catalog.delete(filled, third.key)
    assert content(filled) == before
    worker.close()
    assert catalog.delete(filled, third.key) == catalog.Share(own=0, shared=0)


def test_deleting_beside_a_process_that_ingests_loses_nothing_else(filled: Database) -> None:
    beside_ingest(filled, lambda: catalog.delete(filled, SWEEP.key))
    assert states(filled, OTHER.runs()) == ["finished"] * 6
    assert runs.missing(filled, RUNS) == [run for run in RUNS if run not in SHARED]
