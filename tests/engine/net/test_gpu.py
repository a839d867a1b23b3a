"""What a GPU does is what the reference does; where there is none, that recorded steps need their rows alone."""

import itertools
from collections.abc import Callable

import pytest
import torch

from engine.data.rng import BatchOrder
from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.reference import Reference
from engine.net.replay import Replay, differ_in_rows_alone
from engine.spec import registry
from engine.spec.result import METRICS
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.loop import train

ARCHS = registry.names("archs")
BASE = {
    "width": 6,
    "depth": 1,
    "dataset_size": 100,
    "batch_size": 20,
    "steps": 40,
    "seed": (0, 1),
    "lr": (0.001, 0.002),
}
LEVERS = {"l1": 1e-4, "l2": 1e-3, "clip": 0.5, "label_smoothing": 0.1, "weight_decay": 0.1}

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def _runs(arch: str, optimizer: str) -> tuple[RunSpec, ...]:
    norm = {"batch_norm": "on"} if arch == "cnn" else {}
    return SweepSpec.of({**BASE, **LEVERS, **norm, "arch": arch, "optimizer": optimizer}).runs()


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_steps_recorded_once_are_the_steps_that_follow(arch: str, optimizer: str) -> None:
    runs = _runs(arch, optimizer)
    assert differ_in_rows_alone(runs)
    data = DeviceData.of(runs, "cpu", torch.float32)
    orders = [BatchOrder(run.seed, run.train_size, run.batch) for run in runs]
    rows = torch.stack([torch.from_numpy(order.take(20)) for order in orders], dim=1)
    plain, played = Batched(runs, data), Batched(runs, data)
    plain.steps(rows, 1)
    replay = Replay(played.step, lambda call: call)  # to play is to do the same call again, with its step's number
    replay.steps(rows[:8], 1)
    replay.steps(rows[8:], 9)
    for name, values in plain.parameters.items():
        assert torch.equal(values, played.parameters[name])


def test_what_cannot_be_recorded_is_trained_step_by_step() -> None:
    taken = []

    def refuse(call: object) -> object:
        raise RuntimeError("operation not permitted when stream is capturing")

    Replay(lambda rows, step: taken.append(step), refuse).steps(torch.zeros(10, 1, 1), 1)  # type: ignore[arg-type]
    assert taken == list(range(1, 11))


def test_a_bucket_that_goes_on_warms_up_as_one_that_begins() -> None:
    taken: list[int] = []
    recorded_after = []

    def record(call: Callable[[], None]) -> Callable[[], None]:
        recorded_after.append(list(taken))
        return call

    Replay(lambda rows, step: taken.append(step), record).steps(torch.zeros(6, 1, 1), 1000)
    assert recorded_after == [[1000, 1001, 1002]]


@pytest.mark.parametrize(
    "changed",
    [{"dropout": 0.1}, {"schedule": "cosine"}, {"warmup": 5}, {"shift": 1}, {"mixup": 0.2}, {"width_rule": "mup"}],
    ids=str,
)
def test_steps_that_differ_in_more_are_not_recorded(changed: dict[str, object]) -> None:
    assert not differ_in_rows_alone((RunSpec(), RunSpec.of(changed)))


@needs_gpu
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_gpu_trains_what_the_reference_trains(arch: str, optimizer: str) -> None:
    runs = _runs(arch, optimizer)
    on_gpu = train(runs, device="cuda", dtype=torch.float64)
    points = {(p.key, p.step): p.metrics for p in itertools.chain.from_iterable(on_gpu)}
    for run in runs:
        for point in itertools.chain.from_iterable(train((run,), reader=Reference, dtype=torch.float64)):
            assert points[point.key, point.step] == pytest.approx(point.metrics, rel=0, abs=1e-9, nan_ok=True)
    assert len(points) == len(runs) * len({step for _, step in points})
    assert len(METRICS) == len(next(iter(points.values())))


@needs_gpu
@pytest.mark.parametrize("arch", ARCHS)
def test_a_gpu_plays_recorded_steps(arch: str) -> None:
    runs = _runs(arch, "adamw")
    data = DeviceData.of(runs, "cuda", torch.float32)
    model = Batched(runs, data)
    model.steps(torch.randint(100, (10, len(runs), 20), device="cuda"), 1)
    assert model._replay is not None
    assert model._replay.recorded
