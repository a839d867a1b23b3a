"""A budget of compute: runs take the steps that it pays for, and no other setting changes by it."""

import pytest

from engine.spec.count import count
from engine.spec.run import RunSpec, train_flops
from engine.spec.sweep import SweepSpec
from engine.train.loop import train


@pytest.mark.parametrize("arch", ["mlp", "transformer"])
def test_every_size_takes_the_steps_that_come_closest_to_the_budget(arch: str) -> None:
    sweep = SweepSpec.of({"arch": arch, "width": (4, 16, 64), "budget": (1e8, 1e9), "dataset": "modular"})
    assert len({run.steps for run in sweep.runs()}) == 6
    for run in sweep.runs():
        step = count(run).flops_per_example * run.batch
        assert train_flops(run) == step * run.steps
        assert abs(train_flops(run) - run.budget) <= step / 2


def test_a_budget_below_one_step_pays_for_one() -> None:
    assert RunSpec(budget=1.0).steps == 1


def test_a_budget_for_too_many_steps_is_refused() -> None:
    with pytest.raises(ValueError, match=r"budget=1e\+18 is not possible; allowed: a number from 0 to .* FLOPs each"):
        RunSpec(budget=1e18)


def test_steps_mean_nothing_under_a_budget() -> None:
    run = RunSpec(budget=1e9, steps=7)
    assert run == RunSpec(budget=1e9) == RunSpec.of(run.flat())
    assert run.key == RunSpec(budget=1e9).key
    assert run.key not in (RunSpec(steps=run.steps).key, RunSpec(budget=2e9).key)


def test_a_sweep_over_budgets_has_the_keys_of_its_runs() -> None:
    sweep = SweepSpec.of({"budget": (1e8, 1e9), "width": (4, 8), "seed": (0, 1, 2)})
    assert set(sweep.run_keys) == {run.key for run in sweep.runs()}
    assert len(sweep.runs()) == 12


def test_a_run_trains_as_one_of_as_many_steps_does() -> None:
    run = RunSpec(budget=2e8, width=8, batch_size=32)
    paid, plain = (list(train((one,))) for one in (run, RunSpec(width=8, batch_size=32, steps=run.steps)))
    assert [p.metrics[0] for points in paid for p in points] == [p.metrics[0] for points in plain for p in points]
    assert paid[-1][0].step == run.steps
