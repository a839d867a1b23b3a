"""What the pages read: runs at a point, in training and ended alike."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import RunSpec
from store.db.connection import Database
from store.results import queries, rows
from store.results.spool import Spool, ingest
from tests import homes
from tests.store.fakes import RUNS, as_json, result

ACCURACIES = ("train_accuracy", "val_accuracy", "test_accuracy")
DIP = {"val_loss": (3.0, 1.0, 2.0, 1.0, 4.0), "val_error": (0.9, 0.5, 0.1, 0.3, 0.1)}


def _dip(run: RunSpec, **changes: tuple[float, ...]) -> RunResult:
    made = result(run)
    return dataclasses.replace(made, metrics={**made.metrics, **DIP, **changes})


def _step(db: Database, run: RunSpec, at: Any, by: str = "loss") -> int:
    return int(queries.runs_at(db, [run], at, by)["step"].iloc[0])


def _spooled(db: Database) -> None:
    failed = result(RUNS[2], RunState.FAILED, 0, error="It broke.")
    Spool(db, "w").put([_dip(RUNS[0]), result(RUNS[1], RunState.DIVERGED), failed])


def _ingested(db: Database) -> None:
    _spooled(db)
    ingest(db)


@pytest.fixture(params=["spool", "tables"])
def stored(db: Database, request: pytest.FixtureRequest) -> Database:
    """Three runs: one that dips, one diverged, one failed at once; in the spool or in the tables."""
    return homes.fresh(db.home, {"spool": _spooled, "tables": _ingested}[request.param])


def test_last_is_the_last_eval_point(stored: Database) -> None:
    found = queries.runs_at(stored, RUNS)
    assert list(found["step"]) == [40, 40, 0]
    assert found["val_loss"].iloc[0] == 4.0
    assert list(found["state"]) == ["finished", "diverged", "failed"]
    assert list(found["error"]) == ["", "", "It broke."]


def test_best_is_the_earliest_point_of_lowest_validation(stored: Database) -> None:
    assert _step(stored, RUNS[0], "best") == 10
    assert _step(stored, RUNS[0], "best", "error") == 20


def test_a_step_is_read_at_the_latest_point_not_after_it(stored: Database) -> None:
    for at, step in ((0, 0), (9, 0), (10, 10), (39, 30), (40, 40), (10**6, 40)):
        assert _step(stored, RUNS[0], at) == step


def test_a_step_before_the_first_point_has_no_values(db: Database) -> None:
    late = result(RUNS[0])
    Spool(db, "w").put([RunResult(spec=RUNS[0], state=late.state, steps=(5, 6, 7, 8, 9), metrics=late.metrics)])
    found = queries.runs_at(db, RUNS, 4)
    assert list(found["step"]) == [0]
    assert found[[*METRICS, *ACCURACIES]].isna().all(axis=None)


def test_a_diverged_run_ends_in_nan_and_has_a_best_point_before(stored: Database) -> None:
    last = queries.runs_at(stored, [RUNS[1]])
    assert last[list(METRICS)].isna().all(axis=None)
    assert _step(stored, RUNS[1], "best") == 30
    assert not queries.runs_at(stored, [RUNS[1]], 30)[list(METRICS)].isna().any(axis=None)


def test_best_of_a_run_without_a_finite_value_is_its_last_point(db: Database) -> None:
    Spool(db, "w").put([_dip(RUNS[0], val_loss=(math.nan,) * 5)])
    assert _step(db, RUNS[0], "best") == 40


def test_a_run_in_training_is_read_like_any_other(stored: Database) -> None:
    worker = Spool(stored, "live")
    worker.show([result(RUNS[3], RunState.RUNNING, 3)])
    found = queries.runs_at(stored, RUNS)
    assert list(found["state"]) == ["finished", "diverged", "failed", "running"]
    assert list(found["step"]) == [40, 40, 0, 20]
    assert list(found["steps"]) == [100] * 4
    assert found["train_loss"].iloc[3] == result(RUNS[3]).metrics["train_loss"][2]


def test_a_result_beats_a_run_in_training_and_that_one_an_old_failure(stored: Database) -> None:
    worker = Spool(stored, "live")
    worker.show([result(run, RunState.RUNNING, 2) for run in RUNS[:3]])
    assert list(queries.runs_at(stored, RUNS)["state"]) == ["finished", "diverged", "running"]


def test_rows_keep_the_order_of_the_runs_and_hold_what_they_were_asked_for(stored: Database) -> None:
    asked = (RUNS[1], RUNS[8], RUNS[0], RUNS[1])
    found = queries.runs_at(stored, asked)
    assert list(found["key"]) == [RUNS[1].key, RUNS[0].key]
    assert list(found.columns) == [
        "key", "arch", "dataset", "width", "depth", "seed", "data_seed", "dataset_size", "params",
        "params_non_embedding", "train_flops", "seconds", "state", "error", "step", "steps", "examples_seen",
        "flops_spent", *METRICS, *ACCURACIES,
    ]  # fmt: skip
    first = found.iloc[0]
    assert (first["width"], first["seed"], first["data_seed"], first["params"]) == (8, 0, 0, 88)
    whole = ("width", "seed", "params", "step", "steps", "examples_seen")
    assert {str(found[name].dtype) for name in whole} == {"int64"}


def test_each_error_has_its_accuracy_beside_it(stored: Database) -> None:
    for found in (queries.runs_at(stored, RUNS, "best"), queries.curves(stored, RUNS)):
        for split in ("train", "val", "test"):
            assert found[f"{split}_accuracy"].equals(1 - found[f"{split}_error"])
            assert found[f"{split}_accuracy"].notna().any()


def test_what_a_point_took_is_counted_up_to_it(stored: Database) -> None:
    points: tuple[tuple[str | int, int], ...] = (("last", 40), ("best", 10), (0, 0), (25, 20))
    for at, step in points:
        found = queries.runs_at(stored, RUNS[:1], at).iloc[0]
        assert found["step"] == step
        assert found["examples_seen"] == step * 256
        assert found["flops_spent"] == found["train_flops"] * step / 100
        assert found["seconds"] == (0.5 if at == "last" else pytest.approx(0.01 * step))


def test_a_run_that_failed_at_once_took_nothing(stored: Database) -> None:
    found = queries.runs_at(stored, [RUNS[2]]).iloc[0]
    assert (found["examples_seen"], found["flops_spent"]) == (0, 0.0)


def test_a_full_batch_is_as_large_as_the_training_part_of_a_fold(db: Database) -> None:
    run = RunSpec(dataset_size=100, folds=5, steps=100)
    Spool(db, "w").put([result(run)])
    assert list(queries.curves(db, [run])["examples_seen"]) == [0, 800, 1600, 2400, 3200]


def test_seconds_of_a_run_that_has_them_as_a_whole_are_known_at_its_last_point(db: Database) -> None:
    Spool(db, "w").put([result(RUNS[0], point_seconds=())])
    for _ in range(2):
        assert queries.runs_at(db, RUNS)["seconds"].item() == 0.5
        assert math.isnan(queries.runs_at(db, RUNS, 10)["seconds"].item())
        assert queries.curves(db, RUNS)["seconds"].isna().all()
        ingest(db)


def test_nothing_is_found_of_nothing(stored: Database) -> None:
    assert queries.runs_at(stored, []).empty
    assert queries.runs_at(stored, RUNS[5:], "best").empty
    assert queries.eval_steps(stored, RUNS[5:]) == []
    assert queries.curves(stored, []).empty
    assert queries.progress(stored, RUNS[5:]).empty


def test_a_point_that_there_is_not_is_refused_in_words(db: Database) -> None:
    points: tuple[Any, ...] = ("first", "10", -1, 1.5, True, 2**40, None)
    for at in points:
        with pytest.raises(ValueError, match=r"at=.* is not possible; allowed: last, best or a step from 0\."):
            queries.runs_at(db, RUNS, at)


def test_best_by_something_else_is_refused_in_words(db: Database) -> None:
    with pytest.raises(ValueError, match=r"by=test_loss is not possible; allowed: loss or error\."):
        queries.runs_at(db, RUNS, "best", "test_loss")


def test_eval_steps_are_those_of_all_runs_rising(stored: Database) -> None:
    Spool(stored, "live").show([result(RUNS[3], RunState.RUNNING, 7)])
    assert queries.eval_steps(stored, RUNS) == [0, 10, 20, 30, 40, 50, 60]
    assert queries.eval_steps(stored, RUNS[:1]) == [0, 10, 20, 30, 40]


def test_curves_hold_every_point_of_every_run(stored: Database) -> None:
    found = queries.curves(stored, RUNS)
    spent = ["examples_seen", "flops_spent", "seconds"]
    assert list(found.columns) == ["key", "width", "seed", "step", *spent, *METRICS, *ACCURACIES]
    assert list(found["seconds"][:5]) == list(result(RUNS[0]).point_seconds)
    assert list(found["flops_spent"][:5]) == [0.0, 4e5, 8e5, 1.2e6, 1.6e6]
    assert list(found["key"]) == [RUNS[0].key] * 5 + [RUNS[1].key] * 5
    assert list(found["val_loss"][:5]) == list(DIP["val_loss"])
    assert list(found["step"]) == [0, 10, 20, 30, 40] * 2


def test_progress_is_the_share_of_steps_taken(stored: Database) -> None:
    Spool(stored, "live").show([result(RUNS[3], RunState.RUNNING, 3), result(RUNS[4], RunState.RUNNING, 0)])
    found = queries.progress(stored, RUNS).set_index("key")
    assert list(found.index) == [run.key for run in RUNS[:5]]
    assert list(found["share"]) == [1.0, 1.0, 0.0, 0.2, 0.0]
    assert list(found["state"]) == ["finished", "diverged", "failed", "running", "running"]
    assert found["seconds"].iloc[3] == 0.5


def test_an_exact_match_is_stored_where_there_are_several_answers_and_else_follows_from_the_error(db: Database) -> None:
    sums = RunSpec.of({"dataset": "addition", "answer": "sum"})
    one, several, real = RUNS[0], sums, RunSpec(dataset="diabetes")
    put = [result(run) for run in (one, several, real)]
    nothing = (math.nan,) * 5
    told = ((0.25,) * 5, (0.25,) * 5, nothing)
    made = [dataclasses.replace(r, metrics={**r.metrics, "test_exact": e}) for r, e in zip(put, told, strict=True)]
    Spool(db, "w").put(made)
    for found in (queries.runs_at(db, [one, several, real]), queries.curves(db, [one, several, real])):
        exact = found.set_index("key")["test_exact"]
        error = found.set_index("key")["test_error"]
        assert np.all(exact[one.key] == 1 - error[one.key])
        assert np.all(exact[several.key] == 0.25)
        assert np.all(np.isnan(exact[real.key]))


def test_a_result_from_before_exact_matches_were_kept_has_none() -> None:
    row = as_json(result(RunSpec.of({"dataset": "addition", "answer": "sum"})))
    del row["test_exact"]
    assert all(math.isnan(value) for value in rows.from_row(row).metrics["test_exact"])
