"""Batch orders drawn for a whole bucket, against numpy's, run by run."""

import numpy as np
import pytest

from engine.data.rng import BatchOrder
from engine.net.kernel import build
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train import batch_order
from engine.train.batch_order import BatchOrders


def _runs(size: int, batch: int) -> tuple[RunSpec, ...]:
    seeds = (0, 1, 77, 2**31 - 1)
    return SweepSpec.of({"dataset": "moons", "dataset_size": size, "batch_size": batch, "seed": seeds}).runs()


@pytest.mark.parametrize("device", ["cpu", "cuda"])  # compiled, where it can be, and plain
@pytest.mark.parametrize(("size", "batch"), [(1, 1), (2, 1), (3, 2), (100, 7), (257, 256), (1000, 32), (2000, 2000)])
def test_every_run_sees_the_examples_in_its_own_order(device: str, size: int, batch: int) -> None:
    runs = _runs(size, batch)
    together, alone = BatchOrders(runs, device), [BatchOrder(run.seed, size, batch) for run in runs]
    for steps in (1, 5, 40):
        rows = together.take(steps)
        assert rows.shape == (steps, len(runs), batch)
        for place, one in enumerate(alone):
            assert np.array_equal(rows[:, place], one.take(steps))


@pytest.mark.parametrize("before", ["cpu", "cuda"])
@pytest.mark.parametrize("after", ["cpu", "cuda"])
@pytest.mark.parametrize(("size", "batch"), [(1, 1), (2, 1), (100, 7), (257, 256), (1000, 32), (96, 32), (50, 50)])
def test_orders_go_on_from_any_position_as_if_nothing_had_been(before: str, after: str, size: int, batch: int) -> None:
    runs = _runs(size, batch)
    rows = BatchOrders(runs, before).take(90)
    first = BatchOrders(runs, before)
    for steps in (0, 1, 2, 3, 25):  # positions 0, 1, 3, 6 and 31; by 3 steps of 32, 96 examples are an epoch
        first.take(steps) if steps else None
        position = first.position()
        begun = int(position[0, 0])
        for step in (begun, begun + 1, begun + 40):
            again = BatchOrders(runs[1:], after)
            again.take(5)
            again.go_to(position[1:], step)
            assert np.array_equal(again.take(6), rows[step : step + 6, 1:])
            assert again.position()[0, 0] == step + 6


@pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler here, or it is off")
def test_a_numpy_that_shuffles_otherwise_draws_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards(BatchOrder):
        def take(self, steps: int) -> np.ndarray:
            return super().take(steps)[::-1]

    batch_order._draws_as_numpy.cache_clear()
    monkeypatch.setattr(batch_order, "BatchOrder", Backwards)
    runs = _runs(100, 32)
    rows = BatchOrders(runs, "cpu").take(6)
    batch_order._draws_as_numpy.cache_clear()
    assert np.array_equal(rows[:, 0], BatchOrder(0, 100, 32).take(6)[::-1])
