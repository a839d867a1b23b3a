"""Which runs are missing; sweeps saved, named, renamed and found again."""

import pytest

from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.db.errors import StoreError
from store.library import sweeps
from store.library.naming import MAX_NAME
from store.results import queries, runs
from store.results.spool import Spool
from tests.store.fakes import RUNS, SWEEP, listed, result


def _names(db: Database) -> list[str]:
    return list(listed(db)["name"])


def test_missing_keeps_the_order_and_counts_failed_runs(db: Database) -> None:
    worker = Spool(db, "w")
    worker.put([result(RUNS[1]), result(RUNS[2], RunState.FAILED), result(RUNS[3], RunState.DIVERGED)])
    worker.show([result(RUNS[4], RunState.RUNNING)])
    backwards = RUNS[::-1]
    assert runs.missing(db, backwards) == [run for run in backwards if run not in (RUNS[1], RUNS[3])]
    assert runs.missing(db, []) == []


def test_failed_runs_are_forgotten_and_done_ones_kept(db: Database) -> None:
    states = (RunState.FAILED, RunState.FINISHED, RunState.FAILED, RunState.FAILED)
    Spool(db, "w").put([result(run, state) for run, state in zip(RUNS, states, strict=False)])
    runs.forget_failed(db, RUNS[:3])
    assert list(queries.runs_at(db, RUNS)["key"]) == [RUNS[1].key, RUNS[3].key]
    Spool(db, "again").put([result(RUNS[0])])
    assert runs.missing(db, RUNS[:2]) == []


def test_a_sweep_comes_back_as_it_was_saved(db: Database) -> None:
    sweep_id = sweeps.save_sweep(db, SWEEP)
    assert sweep_id == SWEEP.key
    assert sweeps.load_sweep(db, sweep_id) == SWEEP


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "MLP on digits"),
        (
            {"width": (4, 8, 512), "label_noise": 0.2, "seed": (0, 1, 2)},
            "MLP on digits, width 4–512, 20 % label noise, 3 seeds",
        ),
        (
            {"dataset": "moons", "dataset_size": 100, "l1": 1e-4, "seed": 7, "optimizer": "sgd", "steps": 50},
            "MLP on moons, 100 examples, L1 0.0001, optimizer sgd, 50 steps, seed 7",
        ),
        ({"dataset": ("digits", "moons"), "dataset_size": 100, "dropout": (0.0, 0.07)},
         "MLP on digits/moons, 100 examples, 0–7 % dropout"),
    ],
)  # fmt: skip
def test_a_sweep_gets_a_name_that_says_what_differs(db: Database, settings: dict[str, object], name: str) -> None:
    sweeps.save_sweep(db, SweepSpec.of(settings))
    assert _names(db) == [name]


def test_a_very_long_name_is_cut(db: Database) -> None:
    many = {"width": (1, 2), "depth": (1, 2), "dataset_size": 100, "label_noise": 0.1, "weight_decay": 0.1, "l1": 0.1}
    sweeps.save_sweep(db, SweepSpec.of(many | {"dropout": 0.5, "lr": 0.1, "batch_size": 7, "steps": 8, "seed": 9}))
    assert len(_names(db)[0]) == MAX_NAME
    assert _names(db)[0].endswith("…")


def test_names_are_unique(db: Database) -> None:
    for seed in (1, 2, 3):
        sweeps.save_sweep(db, SweepSpec.of({"seed": seed}), "mine")
    assert sorted(_names(db)) == ["mine", "mine (2)", "mine (3)"]


def test_saving_again_keeps_the_name_and_changes_nothing(db: Database) -> None:
    sweeps.save_sweep(db, SWEEP, "first")
    before = db.generation()
    sweeps.save_sweep(db, SWEEP, "second")
    sweeps.save_sweep(db, SWEEP)
    assert db.generation() == before
    assert _names(db) == ["first"]


def test_a_sweep_is_renamed(db: Database) -> None:
    sweeps.save_sweep(db, SWEEP)
    sweeps.rename_sweep(db, SWEEP.key, "  Second descent × 3 ")
    assert _names(db) == ["Second descent × 3"]
    sweeps.rename_sweep(db, SWEEP.key, "Second descent × 3")


def test_a_bad_name_is_refused_in_words(db: Database) -> None:
    sweeps.save_sweep(db, SWEEP, "old")
    for name in ("", "   ", "two\nlines", "x" * 121):
        with pytest.raises(ValueError, match=r"name=.* is not possible; allowed: one line of 1 to 120 characters\."):
            sweeps.rename_sweep(db, SWEEP.key, name)
    assert _names(db) == ["old"]


def test_a_taken_name_is_refused_in_words(db: Database) -> None:
    sweeps.save_sweep(db, SWEEP, "one")
    other = sweeps.save_sweep(db, SweepSpec.of({"seed": 5}), "other")
    with pytest.raises(ValueError, match="name='one' is taken by another sweep; choose another"):
        sweeps.rename_sweep(db, other, "one")


def test_an_unknown_sweep_is_refused_in_words(db: Database) -> None:
    with pytest.raises(ValueError, match="sweep=abc is not known"):
        sweeps.load_sweep(db, "abc")
    with pytest.raises(ValueError, match="sweep=abc is not known"):
        sweeps.rename_sweep(db, "abc", "name")


def test_a_sweep_of_settings_that_are_gone_is_refused_in_words(db: Database) -> None:
    sweeps.save_sweep(db, SWEEP, "old")
    with db.writing() as con:
        con.execute("""UPDATE sweeps SET settings = '{"magic": [1]}'""")
    with pytest.raises(StoreError, match=r"'old' was saved by another version .* magic"):
        sweeps.load_sweep(db, SWEEP.key)


def test_the_list_counts_done_runs_of_tables_and_spool_newest_first(db: Database) -> None:
    assert listed(db).empty
    sweeps.save_sweep(db, SWEEP)
    sweeps.save_sweep(db, SweepSpec.of({"dataset": "moons", "dataset_size": 100}))
    worker = Spool(db, "w")
    worker.put([result(RUNS[0]), result(RUNS[1], RunState.FAILED)])
    assert runs.missing(db, RUNS[:1]) == []
    worker.put([result(RUNS[0]), result(RUNS[2], RunState.DIVERGED)])
    worker.show([result(RUNS[3], RunState.RUNNING)])
    found = listed(db)
    assert list(found["dataset"]) == ["moons", "digits"]
    assert list(found["arch"]) == ["mlp", "mlp"]
    assert list(found["runs"]) == [1, 9]
    assert list(found["done"]) == [0, 2]
    assert list(found["failed"]) == [0, 1]
    assert list(found["running"]) == [0, 1]
