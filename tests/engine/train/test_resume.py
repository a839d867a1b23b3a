"""A bucket that goes on from the state of another gives what it would have given, bit for bit."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from engine.net.batched import Batched
from engine.net.kernel.kernel import Kernel
from engine.net.reader import Reader
from engine.spec import registry
from engine.spec.result import EvalPoint
from engine.spec.run import RunSpec
from engine.train import loop as training_loop
from engine.train.artifacts import Trained
from engine.train.loop import Course, State, train
from tests.engine.queue.watched import Watched

STEPS = 12
ARCHS = registry.names("archs")

SETTINGS: dict[str, Mapping[str, Any]] = {
    "dropout, a schedule, AdamW": {"dropout": 0.3, "schedule": "cosine", "warmup": 5, "l1": 1e-4},
    "SGD with momentum, clipping": {"optimizer": "sgd", "momentum": 0.9, "clip": 0.5, "l2": 1e-3, "lr": 0.01},
    "augmentation": {"shift": 1, "rotate": 10.0, "augment_noise": 0.1, "mixup": 0.3},
    "rates by width": {"width_rule": "mup", "base_width": 4},
}


@pytest.fixture(autouse=True)
def _a_yield_after_every_step_and_examples_of_five_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop, "PULSE", 0.0)
    monkeypatch.setattr(training_loop, "ORDER_CHUNK", 5)


def _runs(arch: str, **settings: Any) -> tuple[RunSpec, ...]:
    common = {"arch": arch, "width": 6, "depth": 2, "steps": STEPS, "batch_size": 33, "dataset_size": 90, "lr": 0.003}
    extra = {"batch_norm": "on"} if "batch_norm" in registry.options(arch, "digits") else {}
    return tuple(RunSpec.of({"dataset": "digits", **common, **extra, **settings, "seed": seed}) for seed in (0, 1, 2))


def _readers(run: RunSpec) -> list[type[Reader]]:
    return [Batched, Kernel] if Kernel.supports(run, torch.float32) else [Batched]


def _train(
    runs: tuple[RunSpec, ...], reader: type[Reader], start: State | None = None, until: int = STEPS
) -> tuple[list[EvalPoint], State, Trained | None]:
    """Return points, and where a bucket was after step `until`, or what it became."""
    found: list[EvalPoint] = []
    course = Course(start=start)
    training = Watched(train(runs, reader=reader, course=course))
    for points in training:
        found += points
        if course.step == until < STEPS:
            return found, course.state().of(range(len(runs))), None
    return found, course.state(), training.trained


def _assert_goes_on(runs: tuple[RunSpec, ...], reader: type[Reader]) -> None:
    whole, end, trained = _train(runs, reader)
    assert trained is not None
    state: State | None = None
    seen = 0
    for until in (0, 8, 9, 11, STEPS):  # after the first point, at another, twice between two, at the end
        points, state, resumed = _train(runs, reader, state, until)
        assert repr(points) == repr(whole[seen : seen + len(points)])
        seen += len(points)
    assert seen == len(whole)
    assert resumed is not None
    assert state is not None
    for name in end.arrays.keys() - {"orders"}:  # one position of theirs may be told from different steps
        assert state.arrays[name].tobytes() == end.arrays[name].tobytes()
    for kept in (Trained.predictions, Trained.weights):
        assert _bytes(kept, resumed) == _bytes(kept, trained)


def _bytes(kept: Callable[[Trained], list[dict[str, np.ndarray]]], trained: Trained) -> list[dict[str, bytes]]:
    return [{name: array.tobytes() for name, array in arrays.items()} for arrays in kept(trained)]


@pytest.mark.parametrize("arch", ARCHS)
def test_every_architecture_goes_on_with_every_reader(arch: str) -> None:
    runs = _runs(arch)
    for reader in _readers(runs[0]):
        _assert_goes_on(runs, reader)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_it_goes_on_under_every_kind_of_setting(settings: Mapping[str, Any]) -> None:
    runs = _runs("mlp", **settings)
    for reader in _readers(runs[0]):
        _assert_goes_on(runs, reader)


def test_a_bucket_with_a_run_that_has_diverged_goes_on() -> None:
    calm, *_ = _runs("mlp", optimizer="sgd")
    (wild, *_) = _runs("mlp", optimizer="sgd", lr=100.0, weight_decay=100.0)
    for reader in _readers(calm):
        _assert_goes_on((calm, wild), reader)


def test_some_of_the_runs_go_on_without_the_others() -> None:
    for arch in ("mlp", "cnn"):
        runs = _runs(arch, dropout=0.2)
        for reader in _readers(runs[0]):
            whole, _, _ = _train(runs, reader)
            _, state, _ = _train(runs, reader, until=9)
            points, _, _ = _train(runs[1:2], reader, state.of([1]))
            own = [point for point in whole if point.key == runs[1].key and point.step > 9]
            assert repr(points) == repr(own)


def test_what_goes_on_is_shown_no_point_twice() -> None:
    runs = _runs("mlp")
    _, state, _ = _train(runs, Batched, until=9)
    going = train(runs, reader=Batched, course=Course(start=state))
    assert next(going) == ()
    assert next(points for points in going if points)[0].step > 9
