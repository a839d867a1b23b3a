"""The compiled kernel against the reference, and a run against itself in other company and other portions."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from engine.data.rng import BatchOrder
from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.kernel import build
from engine.net.kernel.kernel import Kernel
from engine.net.kernel.program import AT_DEFAULT
from engine.net.reader import Reader
from engine.plan import buckets
from engine.spec import registry
from engine.spec.net import ACTIVATIONS
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.spec.task import Split, Task
from engine.train.evaluate import measure
from engine.train.loop import reader_of
from tests.engine.net import equality
from tests.engine.net.equality import (
    OPTIMIZERS,
    REGULARIZERS,
    assert_as_close_as_the_reference,
    assert_bitwise_alone,
    assert_equal_in_float64,
    mixed,
)
from tests.pairs import pairs

needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler here, or it is off")


def _rows(runs: tuple[RunSpec, ...], steps: int) -> torch.Tensor:
    orders = [BatchOrder(run.seed, run.dataset_size, run.batch).take(steps) for run in runs]
    return torch.from_numpy(np.stack(orders, axis=1))


LEVERS = {
    name: followed
    for name, levers in REGULARIZERS.items()
    if (followed := {knob: values for knob, values in levers.items() if knob not in AT_DEFAULT}) or name == "none"
}
"""Without those that the kernel leaves to the batched reader."""
BASE = equality.BASE | {"width": 12}
RATES: dict[str, object] = {"lr": (0.002, 0.005, 0.003), "label_noise": 0.2}


@needs_compiler
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("regularizer", ["all", pytest.param("none", marks=pytest.mark.long)])
def test_it_equals_the_reference_with_every_activation(activation: str, regularizer: str) -> None:
    assert_equal_in_float64(mixed({**BASE, **RATES, "activation": activation, **LEVERS[regularizer]}, 2), Kernel)


@needs_compiler
@pytest.mark.parametrize(
    ("dataset", "optimizer"), list(zip(registry.names("datasets"), itertools.cycle(OPTIMIZERS), strict=False))
)
def test_it_equals_the_reference_on_every_data_set(dataset: str, optimizer: str) -> None:
    levers = {"weight_decay": 0.1, "l2": (0.0, 1e-3), "clip": (0.5, 0.0), "dropout": (0.0, 0.1), "warmup": 4}
    own = {"dataset": dataset, "optimizer": optimizer, "label_noise": 0.2}
    if not registry.dataset(dataset).on_disk():
        pytest.skip("not downloaded")
    runs = mixed({**BASE, **own, **levers}, 2)
    assert_equal_in_float64(runs, Kernel)


@needs_compiler
def test_it_equals_the_reference_where_there_are_several_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = registry.dataset("teacher-student")

    def load(seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
        train, val, test = (
            Split(x=split.x, y=np.hstack([split.y, split.x[:, :1], -2 * split.y]))
            for split in plain.load(seed, options)
        )
        return train, val, test

    def task(options: Mapping[str, Any]) -> Task:
        return dataclasses.replace(plain.task(options), outputs=3)

    several = dataclasses.replace(plain, task=task, load=load)
    monkeypatch.setattr("engine.datasets.teacher_student.DATASET", several)
    monkeypatch.setattr("engine.data.load._latest", {})
    runs = mixed({"dataset": "teacher-student", "width": 13, "dataset_size": 77, "batch_size": 19, "steps": 12}, 2)
    assert runs[0].task.outputs == 3
    assert_equal_in_float64(runs, Kernel)


@needs_compiler
@pytest.mark.parametrize(
    ("width", "depth", "batch_size", "dataset"),
    [
        (3, 0, 17, "digits"),
        (1, 1, 1, "digits"),
        (5, 3, 17, "moons"),
        (5, 1, 120, "digits"),  # filled up to 128, whose rows lie farther apart
        (37, 2, 200, "digits"),
        (200, 1, 33, "moons"),
        (300, 2, 130, "digits"),
    ],
)
@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_it_equals_the_reference_in_every_shape(
    width: int, depth: int, batch_size: int, dataset: str, clip: float
) -> None:
    own = {"width": width, "depth": depth, "batch_size": batch_size, "dataset": dataset, "clip": clip}
    assert_equal_in_float64((RunSpec.of({**own, "dataset_size": 300, "steps": 10}),), Kernel)


@needs_compiler
@pytest.mark.parametrize(
    ("optimizer", "activation", "batch_size"), pairs(OPTIMIZERS, ("relu", "tanh", "gelu"), (256, 7, 100, 33))
)
def test_a_run_does_not_depend_on_its_bucket_mates(optimizer: str, activation: str, batch_size: int) -> None:
    base = {"optimizer": optimizer, "activation": activation, "batch_size": batch_size, "width": 5, "steps": 40}
    varied = {"dataset_size": 333, "seed": tuple(range(5)), "lr": (0.005, 0.002), "dropout": (0.0, 0.1)}
    runs = SweepSpec.of({**base, **varied}).runs()
    assert_bitwise_alone(runs, Kernel, (slice(1), slice(3, 5), slice(-1, None), slice(4, 13)))


@needs_compiler
@pytest.mark.parametrize("dataset", ["digits", "diabetes", "parity"])
def test_nor_on_their_levers(dataset: str) -> None:
    levers = {"l2": (0.0, 1e-3), "clip": (0.5, 0.0, 0.01), "schedule": ("constant", "cosine", "inverse-sqrt")}
    levers |= {"beta1": (0.9, 0.9, 0.5), "beta2": (0.999, 0.98), "warmup": (0, 7), "l1": (0.0, 0.0, 1e-4)}
    own = {"dataset": dataset, "width": 40, "batch_size": 33, "steps": 40, "dataset_size": 200}
    if dataset == "digits":
        levers["label_smoothing"] = (0.0, 0.1)
    runs = mixed({**own, **levers}, 12)
    assert_bitwise_alone(runs, Kernel, (slice(1), slice(3, 5), slice(-1, None)))


@pytest.mark.parametrize("name", AT_DEFAULT)
def test_what_the_kernel_does_not_know_is_trained_by_the_batched_reader(name: str) -> None:
    run = RunSpec.of({name: {"shift": 1, "width_rule": "mup"}.get(name, 0.5)})
    assert reader_of(run, "cpu") is Batched
    assert buckets.shape(run) != buckets.shape(RunSpec())


@needs_compiler
def test_steps_may_be_taken_in_any_portions() -> None:
    runs = SweepSpec.of({"width": 9, "dropout": (0.0, 0.2), "dataset_size": 100, "batch_size": 30}).runs()
    data, rows = DeviceData.of(runs, "cpu", torch.float32), _rows(runs, 50)
    at_once, in_portions, one_by_one = (Kernel(runs, data) for _ in range(3))
    at_once.steps(rows, 1)
    for start, stop in ((0, 3), (3, 20), (20, 50)):
        in_portions.steps(rows[start:stop], start + 1)
        measure(runs, in_portions, data, stop)  # measuring leaves no trace either
    for step, chosen in enumerate(rows, start=1):
        one_by_one.step(chosen, step)
    for name, values in at_once.parameters.items():
        assert torch.equal(values, in_portions.parameters[name])
        assert torch.equal(values, one_by_one.parameters[name])


@needs_compiler
@pytest.mark.parametrize("own", [*({"activation": activation} for activation in ACTIVATIONS), {"arch": "cnn"}], ids=str)
def test_float32_is_as_close_to_float64_as_the_reference_is(own: dict[str, object]) -> None:
    base = {"width": 16, "dataset_size": 300, "eval_examples": 100, "steps": 40, "seed": (0, 1)}
    assert_as_close_as_the_reference(SweepSpec.of({**base, **own}).runs(), Kernel)


@needs_compiler
def test_logits_and_what_is_measured_from_them_agree() -> None:
    runs = SweepSpec.of({"width": 6, "seed": (0, 1), "dataset_size": 333, "label_noise": (0.0, 0.2)}).runs()
    data = DeviceData.of(runs, "cpu", torch.float64)
    model = Kernel(runs, data)
    model.steps(_rows(runs, 20), 1)
    for split in (data.train, data.val, data.test):
        measured, computed = model.loss_and_error(split, data.which), Reader.loss_and_error(model, split, data.which)
        for ours, plain in zip(measured, computed, strict=True):
            assert torch.allclose(ours, plain, rtol=0, atol=1e-12)
        classes, plainly = model.classes(split, data.which), Reader.classes(model, split, data.which)
        for name, ours in vars(classes).items():
            assert torch.allclose(ours, vars(plainly)[name], rtol=0, atol=1e-12), name


@needs_compiler
def test_of_equal_logits_the_first_is_the_answer() -> None:
    run = RunSpec(width=3, dataset_size=200)
    data = DeviceData.of((run,), "cpu", torch.float32)
    model = Kernel((run,), data)
    for values in model.parameters.values():
        values.zero_()
    _, error, _ = model.loss_and_error(data.test, data.which)
    answers = data.test.y[0, : data.test.count]
    assert error.item() == pytest.approx((answers != 0).double().mean().item(), abs=1e-12)


@needs_compiler
def test_a_diverged_run_is_not_finite_and_leaves_its_bucket_mates_alone() -> None:
    calm = RunSpec(width=8, steps=60, optimizer="sgd")
    wild = RunSpec(width=8, steps=60, optimizer="sgd", lr=100.0, weight_decay=100.0)
    together = equality.points((calm, wild), Kernel, torch.float32)
    alone = equality.points((calm,), Kernel, torch.float32)
    ours = {place: metrics for place, metrics in together.items() if place[0] == calm.key}
    assert repr(ours) == repr(alone)
    assert not np.isfinite(together[wild.key, 60][0])


@needs_compiler
def test_a_layer_is_trained_by_the_kernel_whatever_its_width() -> None:
    for width in (1, 16, 512):
        assert reader_of(RunSpec(width=width), "cpu") is Kernel
    assert reader_of(RunSpec(), "cuda") is Batched
