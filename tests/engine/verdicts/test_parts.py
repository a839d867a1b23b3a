"""Bias and variance, labels memorised, and the ladder of rates, against numbers known beforehand."""

import numpy as np
import pytest

from engine.spec.sweep import SweepSpec
from engine.verdicts.curves import Curves
from engine.verdicts.decomposition import bias_variance, decompose
from engine.verdicts.flipped import learned
from engine.verdicts.rates import evaluate_rates, ladder
from engine.verdicts.series import Series, series_of
from tests.engine.verdicts.planted import Array, Plan


def test_bias_and_variance_of_two_seeds_by_hand() -> None:
    outputs = np.array([[[0.8, 0.2]], [[0.4, 0.6]]])
    bias, variance = decompose(outputs, np.array([[1.0, 0.0]]))
    # The mean is (.6, .4): squared bias .32; each seed is .04 + .04 from it, over n − 1 = 1: .16, half of it taken off.
    assert variance == pytest.approx(0.16)
    assert bias == pytest.approx(0.32 - 0.08)
    assert bias + variance == pytest.approx((0.08 + 0.72) / 2)  # the mean Brier score


def test_bias_and_variance_are_those_planted_however_few_the_seeds() -> None:
    chance = np.random.default_rng(0)
    labels = chance.normal(size=(20_000, 1))
    for seeds in (2, 5):
        outputs = labels + 0.5 + 0.3 * chance.normal(size=(seeds, 20_000, 1))
        bias, variance = decompose(outputs, labels)
        assert bias == pytest.approx(0.25, abs=0.01)
        assert variance == pytest.approx(0.09, abs=0.005)
    with pytest.raises(ValueError, match="seeds=1"):
        decompose(labels[None], labels)


def _series(plan: Plan, **metrics: Array) -> Series:
    (series,) = series_of(plan.sweep, plan.curves(metrics), plan.axis)
    return series


def test_seeds_are_compared_on_one_test_set_alone() -> None:
    plan = Plan.of(3, dataset="digits", width=(4, 8), data_seed=0)
    labels = np.array([1, 9])
    answers = {
        run.key: {"outputs": np.eye(10, dtype=np.float16)[[1, run.seed]][None].repeat(1, 0)[0]} for run in plan.runs
    }
    (small, large), note = bias_variance(_series(plan, test_error=np.zeros((3, 2))), answers, lambda run: labels)
    assert (small.size, large.size, small.seeds, small.examples, note) == (4, 8, 3, 2, "")
    assert small.error == pytest.approx((0 + 2) / 2)  # one example is right, the other wholly wrong
    assert small.variance == pytest.approx((0 + 1) / 2)  # three different corners are 2/3 from their mean, × 3/2
    own = Plan.of(3, dataset="digits", width=(4, 8))
    rows, note = bias_variance(
        _series(own, test_error=np.zeros((3, 2))),
        {run.key: answers[plan.runs[0].key] for run in own.runs},
        lambda run: labels,
    )
    assert rows == ()
    assert "data_seed=0" in note
    rows, note = bias_variance(_series(plan, test_error=np.zeros((3, 2))), {}, lambda run: labels)
    assert "No predictions" in note


def test_only_the_likeliest_class_is_not_enough() -> None:
    plan = Plan.of(2, dataset="digits", width=(4,), data_seed=0)
    answers = {run.key: {"outputs": np.ones((5, 1), dtype=np.float16)} for run in plan.runs}
    assert bias_variance(_series(plan, test_error=np.zeros((2, 1))), answers, lambda run: np.zeros(5))[0] == ()


def test_flipped_labels_memorised_by_size() -> None:
    plan = Plan.of(3, dataset="digits", label_noise=0.2, width=(4, 512))
    flipped = np.array([[0.9, 0.0], [0.8, 0.0], [1.0, 0.0]])
    rows = learned(_series(plan, flipped_error=flipped, clean_error=np.full((3, 2), 0.25)))
    assert [row.size for row in rows] == [4, 512]
    assert rows[0].flipped.value == pytest.approx(0.1)
    assert rows[0].flipped.low < 0.1 < rows[0].flipped.high
    assert (rows[1].flipped.value, rows[1].clean.value) == (1.0, 0.75)
    assert learned(_series(plan, flipped_error=np.full((3, 2), np.nan))) == ()


SWEEP = SweepSpec.of({"dataset": "digits", "width": (4, 8, 16, 64, 512), "lr": 0.01, "seed": (0, 1, 2)})


def _ladder(best: dict[int, float], spread: float = 0.002, diverging: float = np.inf) -> Curves:
    """Validation losses that are a parabola of log rate around each width's best; above `diverging` runs diverge."""
    runs = ladder(SWEEP).runs()
    chance = np.random.default_rng(0)
    loss = np.array([0.3 + 0.05 * np.log2(run.lr / best[run.width]) ** 2 + spread * chance.normal() for run in runs])
    loss[[run.lr > diverging and run.width == 512 for run in runs]] = np.nan
    steps = np.array([run.steps for run in runs])
    return Curves(runs=runs, run=np.arange(len(runs)), step=steps, metrics={"train_loss": loss, "val_loss": loss})


def test_the_ladder_is_small_and_around_the_rate() -> None:
    runs = ladder(SWEEP).runs()
    assert len(runs) == 3 * 5 * 2
    assert {run.width for run in runs} == {4, 16, 512}
    assert {run.lr for run in runs} == {0.0025, 0.005, 0.01, 0.02, 0.04}
    assert {run.seed for run in runs} == {0, 1}


def test_a_rate_that_suits_all_sizes_is_right() -> None:
    found = evaluate_rates(SWEEP, _ladder({4: 0.013, 16: 0.01, 512: 0.007}))
    assert found is not None
    assert found.answer == "right"
    assert [rung.best for rung in found.rungs] == pytest.approx([0.013, 0.01, 0.007], rel=0.1)
    assert "not wrong for any size checked" in found.sentence


def test_a_rate_that_is_wrong_for_the_widest_is_said_with_its_cost() -> None:
    found = evaluate_rates(SWEEP, _ladder({4: 0.01, 16: 0.01, 512: 0.0025}))
    assert found is not None
    assert [rung.wrong for rung in found.rungs] == [False, False, True]
    assert found.rungs[2].cost.value == pytest.approx(0.05 * 4, abs=0.01)
    assert found.rungs[2].edge
    assert "was wrong for width 512" in found.sentence
    assert "0.0025 or beyond at width 512" in found.sentence


def test_a_cost_within_the_noise_of_seeds_is_none() -> None:
    found = evaluate_rates(SWEEP, _ladder({4: 0.01, 16: 0.01, 512: 0.0025}, spread=0.2))
    assert found is not None
    assert found.answer == "right"


def test_a_rate_at_which_the_widest_diverge_is_wrong() -> None:
    found = evaluate_rates(SWEEP, _ladder({4: 0.01, 16: 0.01, 512: 0.01}, diverging=0.009))
    assert found is not None
    assert [rung.wrong for rung in found.rungs] == [False, False, True]
    assert "every run diverged" in found.sentence


def test_an_empty_ladder_says_nothing() -> None:
    nothing = Curves(
        runs=(), run=np.empty(0, dtype=np.intp), step=np.empty(0, dtype=np.int64), metrics={"train_loss": np.empty(0)}
    )
    assert evaluate_rates(SWEEP, nothing) is None
