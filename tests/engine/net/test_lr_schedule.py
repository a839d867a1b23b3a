"""The learning rate of every step against torch's own schedules."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler

from engine.net.lr_schedule import rate
from engine.spec.run import RunSpec


def _torchs(steps: int, make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    schedule, rates = make(optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def _ours(**settings: object) -> list[float]:
    run = RunSpec.of({"lr": 0.3, "steps": 50, **settings})
    return [rate(run, step) for step in range(1, 51)]


def test_without_a_schedule_the_rate_is_constant() -> None:
    assert _ours() == [0.3] * 50


def test_the_cosine_is_torchs() -> None:
    theirs = _torchs(50, lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=49, eta_min=0.03))
    assert _ours(schedule="cosine") == pytest.approx(theirs, rel=1e-12)


def test_the_cosine_falls_from_the_end_of_the_warm_up_to_its_share_at_the_last_step() -> None:
    rates = _ours(schedule="cosine", warmup=10, final_lr=0.2)
    assert rates[:10] == pytest.approx(_torchs(10, lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 9)), rel=1e-12)
    assert rates[29] == pytest.approx(0.3 * (0.2 + 0.8 / 2))  # half the way from step 10 to 50
    assert rates[-1] == pytest.approx(0.3 * 0.2)
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_the_inverse_square_root_is_that_of_the_transformer() -> None:
    # arXiv:1706.03762 equation 3, its height set to lr.
    theirs = [0.3 * math.sqrt(10) * min(step**-0.5, step * 10**-1.5) for step in range(1, 51)]
    assert _ours(schedule="inverse-sqrt", warmup=10) == pytest.approx(theirs, rel=1e-12)
    assert _ours(schedule="inverse-sqrt") == pytest.approx([0.3 / math.sqrt(s) for s in range(1, 51)], rel=1e-12)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "inverse-sqrt"])
def test_a_warm_up_longer_than_the_run_never_ends(schedule: str) -> None:
    rates = _ours(schedule=schedule, warmup=200)
    assert rates == pytest.approx([0.3 * step / 200 for step in range(1, 51)])
