"""Each claim on planted curves: supported, not supported, or open, with figures and places that are those planted."""

import dataclasses

import numpy as np
import pytest

from engine.spec.run import RunSpec
from engine.verdicts import double_descent, overfitting
from engine.verdicts.claims import judge
from engine.verdicts.curves import Curves
from engine.verdicts.intervals import answer, effect
from engine.verdicts.series import series_of
from engine.verdicts.verdict import TITLES, Verdict
from tests.engine.verdicts.laws_and_jumps import MORE
from tests.engine.verdicts.planted import DESCENT, DIGITS, TRAINED, WIDTHS, Array, Plan, eval_steps, noisy
from tests.engine.verdicts.scenarios import SCENARIOS, Scenario

EVERY = [*SCENARIOS, *MORE]
EFFECTS = [one for one in EVERY if one.effect]


def _digits(error: Array, seeds: int = 5, spread: float = 0.01, shared: float = 0.0, train: Array = TRAINED) -> Curves:
    chance = np.random.default_rng(0)
    metrics = {"test_error": noisy(error, spread, chance, seeds, shared), "train_error": np.tile(train, (seeds, 1))}
    return Plan.of(seeds, **DIGITS).curves(metrics)


def _judged(curves: Curves, claim: str, seeds: int = 5) -> Verdict:
    (found,) = (one for one in judge(Plan.of(seeds, **DIGITS).sweep, curves) if one.claim == claim)
    return found


@pytest.mark.parametrize("draws", [10, pytest.param(40, marks=pytest.mark.long)])
@pytest.mark.parametrize("one", EFFECTS, ids=lambda one: f"{one.claim}: {one.name}")
def test_what_was_published_is_seen_and_never_denied(one: Scenario, draws: int) -> None:
    answers = one.answers(max(one.seeds), draws // 10 if one.claim == "power-law" else draws)
    assert answers.count("supported") >= 0.9 * len(answers)
    assert "not supported" not in answers[:10]


@pytest.mark.parametrize("draws", [40, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize("claim", TITLES)
def test_noise_is_rarely_called_an_effect(claim: str, draws: int) -> None:
    noise = [one for one in EVERY if one.claim == claim and not one.effect]
    each = draws // 40 if claim == "power-law" else draws // len(noise)
    answers = [said for one in noise for said in one.answers(3, each)]
    # Of a rate of 5 % more than 9 in a hundred would come up once in thirty sets of 200; those measured are below 4 %.
    # Power laws are too slow to fit so often; the benchmark does.
    assert answers.count("supported") <= 0.09 * len(answers)
    assert answers.count("not supported") > 0


def test_an_effect_is_denied_only_where_it_is_surely_too_small() -> None:
    found = effect(np.array([0.00, 0.01, 0.02]))  # 0.01, at 95 % below 0.027
    assert found.low < 0 < found.value < 0.02 < found.most < 0.03
    assert answer([found], [0.03]) == "not supported"
    assert answer([found], [0.02]) == answer([found], [0.001]) == "inconclusive"


def test_two_seeds_that_agree_are_too_few() -> None:
    assert effect(np.array([0.5, 0.501])).low > 0.4
    assert answer([effect(np.array([0.5, 0.501]))], [0.1]) == "inconclusive"
    assert answer([effect(np.array([0.5, 0.501, 0.502]))], [0.1]) == "supported"


@pytest.mark.parametrize("one", EFFECTS, ids=lambda one: f"{one.claim}: {one.name}")
def test_one_seed_asserts_nothing(one: Scenario) -> None:
    assert set(one.answers(1, 3)) == {"inconclusive"}


@pytest.mark.parametrize("claim", ["overfits-with-size", "double-descent-by-size", "power-law"])
def test_one_seed_asks_for_at_least_three(claim: str) -> None:
    curves = _digits(DESCENT, seeds=1)
    metrics = dict(curves.metrics) | {"test_loss": 5 * curves.values("test_error")}
    found = _judged(dataclasses.replace(curves, metrics=metrics), claim, seeds=1)
    assert found.answer == "inconclusive"
    assert (found.low, found.high) == (None, None)
    assert found.follow_up is not None
    assert found.follow_up.words.startswith("2 more seeds at width")


def test_the_peak_is_set_beside_the_interpolation_threshold() -> None:
    found = _judged(_digits(DESCENT), "double-descent-by-size")
    assert found.answer == "supported"
    assert found.effect == pytest.approx(100 * (DESCENT.max() - DESCENT[1]), abs=2.5)
    assert found.effect is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.effect < found.high
    assert "width 24" in found.where
    assert "the interpolation threshold is at width 32" in found.where
    assert "examples × outputs are 10,000" in found.where


@pytest.mark.parametrize(("end", "verb"), [(0.10, "beats"), (0.25, "does not reach"), (0.171, "ends near")])
def test_it_says_whether_the_second_descent_beats_the_first_valley(end: float, verb: str) -> None:
    found = _judged(_digits(np.append(DESCENT[:7], np.full(4, end))), "double-descent-by-size")
    assert found.answer == "supported"
    assert any(f"second descent {verb} the first valley" in sentence for sentence in found.why)


def test_without_a_peak_it_is_denied_only_where_the_sizes_reach_beyond_the_threshold() -> None:
    falling = 0.05 + 0.2 * np.exp(-np.arange(len(WIDTHS)))
    assert _judged(_digits(falling, spread=0.003), "double-descent-by-size").answer == "not supported"
    plan = Plan.of(5, dataset="digits", label_noise=0.2, width=WIDTHS[:5])
    metrics = {
        "test_error": noisy(falling[:5], 0.003, np.random.default_rng(0), 5),
        "train_error": np.full((5, 5), 0.2),
    }
    (series,) = series_of(plan.sweep, plan.curves(metrics), "width")
    found = double_descent.by_size(series, "test_error")
    assert found is not None
    assert found.answer == "inconclusive"
    assert found.follow_up is not None
    assert found.follow_up.words == "widths 32 and 64"


def test_larger_models_that_are_trained_worse_do_not_overfit() -> None:
    rising = np.linspace(0.1, 0.3, len(WIDTHS))
    assert _judged(_digits(rising), "overfits-with-size").answer == "supported"
    found = _judged(_digits(rising, train=rising), "overfits-with-size")
    assert found.answer == "not supported"
    assert "trained worse" in found.why[-1]


def test_seeds_that_are_shared_narrow_the_interval() -> None:
    plan = Plan.of(5, **DIGITS)
    error = noisy(DESCENT, 0.01, np.random.default_rng(0), 5, shared=0.05)
    mixed = np.stack(
        [np.random.default_rng(place).permutation(error[:, place]) for place in range(len(WIDTHS))], axis=1
    )
    widths = []
    for table in (error, mixed):
        curves = plan.curves({"test_error": table, "train_error": np.tile(TRAINED, (5, 1))})
        (series,) = series_of(plan.sweep, curves, "width")
        found = overfitting.overfits(series, "test_error")
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
    assert widths[0] < 0.5 * widths[1]


def test_sizes_without_common_seeds_are_compared_all_the_same() -> None:
    apart = {WIDTHS[place]: range(3 * place, 3 * place + 3) for place in range(len(WIDTHS))}
    runs = tuple(RunSpec.of({"label_noise": 0.2, "width": w, "seed": s}) for w, seeds in apart.items() for s in seeds)
    chance = np.random.default_rng(0)
    errors = np.concatenate([DESCENT[place] + 0.01 * chance.normal(size=3) for place in range(len(WIDTHS))])
    curves = Curves(
        runs=runs,
        run=np.arange(len(runs)),
        step=np.full(len(runs), runs[0].steps),
        metrics={"train_loss": 0 * errors, "test_error": errors, "train_error": np.repeat(TRAINED, 3)},
    )
    sweep = Plan.of(33, **DIGITS).sweep
    (series,) = series_of(sweep, curves, "width")
    found = double_descent.by_size(series, "test_error")
    assert found is not None
    assert (found.answer, found.n_seeds) == ("supported", 3)
    assert any("not taken seed by seed" in sentence for sentence in found.why)


def test_runs_that_diverged_are_left_out_and_named() -> None:
    curves = _digits(DESCENT)
    loss = curves.metrics["train_loss"].copy()
    errors = curves.metrics["test_error"].copy()
    place = next(i for i, run in enumerate(curves.runs) if (run.width, run.seed) == (64, 2))
    loss[place], errors[place] = np.nan, np.nan
    gone = dataclasses.replace(curves, metrics=dict(curves.metrics) | {"train_loss": loss, "test_error": errors})
    found = _judged(gone, "double-descent-by-size")
    assert found.answer == "supported"
    assert "1 run diverged and is left out: width 64, seed 2." in found.why


def test_runs_in_training_do_not_count() -> None:
    curves = _digits(DESCENT)
    step = np.where(np.arange(len(curves.runs)) < len(WIDTHS), 1, curves.step)
    assert _judged(dataclasses.replace(curves, step=step), "double-descent-by-size").n_seeds == 4


def test_one_data_set_for_all_seeds_is_said() -> None:
    plan = Plan.of(4, **DIGITS, data_seed=3)
    curves = plan.curves({"test_error": noisy(DESCENT, 0.01, np.random.default_rng(0), 4)})
    assert all("share one data set" in one.why[-1] for one in judge(plan.sweep, curves))


def test_each_curve_of_a_sweep_is_judged_by_itself() -> None:
    plan = Plan.of(3, dataset="digits", label_noise=0.2, width=WIDTHS)
    both = dataclasses.replace(
        plan.sweep, settings=tuple((dict(plan.sweep.settings) | {"label_noise": (0.0, 0.2)}).items())
    )
    runs = both.runs()
    chance = np.random.default_rng(0)
    noise = {0.0: np.full(len(WIDTHS), 0.05), 0.2: DESCENT}
    errors = np.array([noise[run.label_noise][WIDTHS.index(run.width)] + 0.005 * chance.normal() for run in runs])
    steps = np.full(len(runs), runs[0].steps)
    curves = Curves(
        runs=runs, run=np.arange(len(runs)), step=steps, metrics={"train_loss": 0 * errors, "test_error": errors}
    )
    found = {one.series: one.answer for one in judge(both, curves) if one.claim == "double-descent-by-size"}
    assert found["label noise 0.2"] == "supported"
    assert found["label noise 0.0"] != "supported"


def test_amounts_of_data_at_one_size_make_one_card_of_training() -> None:
    steps = eval_steps(300)
    plan = Plan.of(3, "dataset_size", dataset="digits", dataset_size=(100, 300, 1000), steps=steps[-1])
    curves = plan.curves({"test_error": np.random.default_rng(0).random((3, 3, len(steps)))}, steps)
    claims = [one.claim for one in judge(plan.sweep, curves)]
    assert claims.count("double-descent-by-step") == 1
    assert "overfits-with-size" not in claims


def test_sizes_of_one_compute_budget_are_one_curve_though_their_steps_differ() -> None:
    plan = Plan.of(3, dataset="digits", width=(8, 16, 32), budget=1e9)
    assert len({run.steps for run in plan.runs}) == 3
    steps = np.array([run.steps for run in plan.runs])
    curves = dataclasses.replace(plan.curves({"test_error": np.zeros((3, 3))}), step=steps)
    (series,) = series_of(plan.sweep, curves, "width")
    assert series.sizes == (8, 16, 32)


def test_an_interval_holds_what_it_is_of() -> None:
    chance = np.random.default_rng(0)
    held = [
        abs(found.value) <= found.high - found.value for found in (effect(chance.normal(size=4)) for _ in range(1000))
    ]
    assert np.mean(held) > 0.95


def test_nothing_is_asked_of_nothing() -> None:
    plan = Plan.of(3, **DIGITS)
    nothing = Curves(
        runs=(), run=np.empty(0, dtype=np.intp), step=np.empty(0, dtype=np.int64), metrics={"train_loss": np.empty(0)}
    )
    assert judge(plan.sweep, nothing) == ()
    with pytest.raises(ValueError, match="measure=accuracy"):
        judge(plan.sweep, nothing, measure="accuracy")
