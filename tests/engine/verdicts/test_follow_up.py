"""The runs that settle a verdict: new, few, possible, decisive; and what is evaluated with them."""

from collections.abc import Sequence

import numpy as np
import pytest

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.claims import judge, judge_with_follow_up
from engine.verdicts.curves import Curves
from engine.verdicts.follow_up import more_seeds
from engine.verdicts.intervals import Effect
from engine.verdicts.series import series_of
from engine.verdicts.verdict import FollowUp, Verdict
from tests.engine.verdicts.planted import DESCENT, TRAINED, WIDTHS, Array, eval_steps, learning

NOISY = {"dataset": "digits", "label_noise": 0.2, "width": WIDTHS}


def _curves(runs: Sequence[RunSpec], mean: Array, spread: float) -> Curves:
    """Return what each run measures: the same whoever is trained beside it."""
    error = [abs(mean[WIDTHS.index(run.width)] + spread * _noise(run)) for run in runs]
    return Curves(
        runs=tuple(runs),
        run=np.arange(len(runs)),
        step=np.array([run.steps for run in runs]),
        metrics={
            "train_loss": np.zeros(len(runs)),
            "test_error": np.array(error),
            "train_error": np.array([TRAINED[WIDTHS.index(run.width)] for run in runs]),
        },
    )


def _noise(run: RunSpec) -> float:
    return float(np.random.default_rng([run.width, run.seed, run.data_seed]).normal())


def _verdict(sweep: SweepSpec, claim: str, curves: Curves) -> Verdict:
    (found,) = (one for one in judge(sweep, curves) if one.claim == claim)
    return found


def _settle(
    sweep: SweepSpec, claim: str = "double-descent-by-size", mean: Array = DESCENT, spread: float = 0.1
) -> FollowUp:
    found = _verdict(sweep, claim, _curves(sweep.runs(), mean, spread))
    assert found.answer == "inconclusive"
    assert found.follow_up is not None
    return found.follow_up


@pytest.mark.parametrize("claim", ["double-descent-by-size", "overfits-with-size"])
@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_it_names_new_seeds_of_decisive_sizes_alone(claim: str, seeds: int) -> None:
    sweep = SweepSpec.of(NOISY | {"seed": tuple(range(seeds))})
    found = _settle(sweep, claim)
    runs = found.sweep.runs()
    assert not set(found.sweep.run_keys) & set(sweep.run_keys)
    assert len(runs) == found.runs
    assert {run.seed for run in runs} == set(range(seeds, seeds + len(found.sweep.values("seed"))))
    assert {run.width for run in runs} < set(WIDTHS)
    assert len({run.width for run in runs}) <= 3 * seeds
    assert {(run.label_noise, run.dataset, run.steps) for run in runs} == {(0.2, "digits", 3000)}
    assert found.words.startswith(f"{len(found.sweep.values('seed'))} more seed")
    assert 3 - seeds <= len(found.sweep.values("seed")) <= 12


def test_more_spread_asks_for_more_seeds_and_a_larger_effect_for_fewer() -> None:
    sweep = SweepSpec.of(NOISY | {"seed": (0, 1, 2)})
    (series,) = series_of(sweep, _curves(sweep.runs(), DESCENT, 0.02), "width")

    def wanted(value: float, spread: float) -> int:
        one = Effect(value=value, low=-1.0, high=1.0, most=1.0, n=3, spread=spread)
        found = more_seeds(series, [1, 5], [one], 0.02)
        return len(found.sweep.values("seed")) if found is not None else 0

    assert wanted(0.05, 0.03) < wanted(0.05, 0.05) < wanted(0.04, 0.05) <= 12
    assert wanted(0.021, 0.5) == 12


def test_seeds_that_share_a_data_set_go_on_sharing_it() -> None:
    found = _settle(SweepSpec.of(NOISY | {"seed": (0, 1), "data_seed": 7}))
    assert {run.data_seed for run in found.sweep.runs()} == {7}


def test_where_data_seeds_are_what_varies_new_ones_are_named() -> None:
    found = _settle(SweepSpec.of(NOISY | {"seed": 0, "data_seed": (4, 5)}))
    assert {run.seed for run in found.sweep.runs()} == {0}
    assert min(run.data_seed for run in found.sweep.runs()) == 6


@pytest.mark.parametrize(
    ("mean", "spread", "end"), [(DESCENT, 0.03, "supported"), (np.full(len(WIDTHS), 0.2), 0.015, "not supported")]
)
def test_trained_and_judged_again_until_it_is_settled(mean: Array, spread: float, end: str) -> None:
    sweep = SweepSpec.of(NOISY | {"seed": (0, 1)})
    trained = {run.key: run for run in sweep.runs()}

    def read(runs: Sequence[RunSpec]) -> Curves:
        return _curves([run for run in runs if run.key in trained], mean, spread)

    for _ in range(4):
        verdicts, curves = judge_with_follow_up(sweep, read)
        assert set(trained) == {run.key for run in curves.runs}  # all that was trained counts
        (found,) = (one for one in verdicts if one.claim == "double-descent-by-size")
        if found.follow_up is None:
            break
        trained |= {run.key: run for run in found.follow_up.sweep.runs()}
    assert found.answer == end
    assert len(trained) > sweep.size


def test_other_runs_of_the_store_do_not_count() -> None:
    sweep = SweepSpec.of(NOISY | {"seed": (0, 1, 2)})
    other = SweepSpec.of(NOISY | {"seed": (0, 1, 2), "weight_decay": 1.0})
    alone = judge(sweep, _curves(sweep.runs(), DESCENT, 0.02))
    assert judge(sweep, _curves((*sweep.runs(), *other.runs()), DESCENT, 0.02)) == alone


def test_grokking_that_may_come_later_asks_for_more_steps() -> None:
    steps = eval_steps(400)
    sweep = SweepSpec.of({"dataset": "modular", "steps": 400, "seed": (0, 1, 2)})
    train = learning(0.98, 0.0, np.array(steps, dtype=np.float64), np.array([20.0, 22.0, 25.0]), 4.0)
    curves = Curves(
        runs=sweep.runs(),
        run=np.repeat(np.arange(3), len(steps)),
        step=np.tile(steps, 3),
        metrics={"train_loss": train.ravel(), "train_error": train.ravel(), "test_error": np.full(train.size, 0.98)},
    )
    found = _verdict(sweep, "grokking", curves)
    assert found.answer == "inconclusive"
    assert found.follow_up is not None
    assert found.follow_up.sweep.values("steps") == (1600,)
    assert found.follow_up.words == "1,600 steps"
    assert found.follow_up.longer


def test_less_than_a_decade_asks_for_larger_sizes() -> None:
    sweep = SweepSpec.of({"dataset": "digits", "width": (8, 12, 16, 24), "seed": (0, 1, 2)})
    runs = sweep.runs()
    loss = np.array([2 * run.width**-0.5 for run in runs])
    curves = Curves(
        runs=runs,
        run=np.arange(len(runs)),
        step=np.array([run.steps for run in runs]),
        metrics={"train_loss": loss, "test_loss": loss},
    )
    found = _verdict(sweep, "power-law", curves)
    assert found.answer == "inconclusive"
    assert found.follow_up is not None
    assert min(found.follow_up.sweep.values("width")) == 48
