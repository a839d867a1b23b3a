"""The batched reader against the reference, and a run against itself among other bucket-mates."""

import itertools

import pytest
import torch

from engine.net.batched import Batched
from engine.net.batched_net import BatchedNet
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.engine.net import equality
from tests.engine.net.equality import (
    ARCHS,
    AUGMENTATION,
    LONG,
    ON_IMAGES,
    OPTIMIZERS,
    REGULARIZERS,
    VARIANTS,
    assert_as_close_as_the_reference,
    assert_bitwise_alone,
    assert_equal_in_float64,
    mixed,
)
from tests.engine.shapes import SHAPES
from tests.pairs import pairs

BASE = equality.BASE | {"label_noise": 0.2}


@pytest.mark.parametrize(("arch", "optimizer", "regularizer"), pairs(ARCHS, OPTIMIZERS, tuple(REGULARIZERS)))
def test_batched_equals_reference_in_float64(arch: str, optimizer: str, regularizer: str) -> None:
    assert_equal_in_float64(_regularized(arch, optimizer, regularizer), Batched)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_does_so_after_200_steps_too(arch: str, optimizer: str) -> None:
    levers = {name: value for name, value in REGULARIZERS["all"].items() if name not in ("shift", "rotate")}
    own = {"arch": arch, "dataset": "moons", "optimizer": optimizer, "width": 6, "depth": 1, "lr": _rates(arch)}
    assert_equal_in_float64(mixed({**BASE, **LONG, **own, **levers}, 2), Batched, compared=1, whole=True)


def _regularized(arch: str, optimizer: str, regularizer: str) -> tuple[RunSpec, ...]:
    # Two steps an example make recurrent models quick; all eight are seen with every regularizer at once.
    dataset = "digits" if arch in ("mlp", "cnn") or regularizer in ON_IMAGES else "moons"
    depth = 2 if arch in ("mlp", "cnn") or regularizer == "all" else 1
    own = {"arch": arch, "dataset": dataset, "optimizer": optimizer, "width": 6, "depth": depth, "lr": _rates(arch)}
    levers = REGULARIZERS[regularizer]
    every = max((len(values) for values in levers.values() if isinstance(values, tuple)), default=2)
    return mixed({**BASE, **own, **levers}, every)


def _rates(arch: str) -> tuple[float, ...]:
    return (0.0004, 0.001, 0.0006) if arch == "transformer" else (0.002, 0.005, 0.003)  # what its users take


@pytest.mark.parametrize(("arch", "variant"), VARIANTS, ids=str)
def test_every_choice_of_an_architecture_equals_the_reference_too(arch: str, variant: dict[str, object]) -> None:
    own = {"arch": arch, "width": 6, "lr": (0.002, 0.005), "dropout": (0.0, 0.2), **variant}
    assert_equal_in_float64(mixed({**BASE, **own}, 2), Batched)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_examples_of_any_shape_are_read_alike(arch: str, shape: str, datasets_of_any_shape: None) -> None:
    own = {"arch": arch, "dataset": shape, "width": 6, "dropout": (0.0, 0.2), "steps": 12}
    assert_equal_in_float64(mixed({**BASE, **own, **AUGMENTATION[shape]}, 2), Batched)


def test_targets_of_every_loss_are_mixed_alike() -> None:
    for own in ({"dataset": "diabetes"}, {"dataset": "parity"}, {"dataset": "wine", "label_smoothing": (0.1, 0.2)}):
        assert_equal_in_float64(mixed({**BASE, **own, "dataset_size": 90, "mixup": (0.4, 0.0, 2.0)}, 3), Batched)


@pytest.mark.parametrize("arch", ARCHS)
def test_depth_0_is_a_linear_model_of_what_an_architecture_reads(arch: str) -> None:
    assert_equal_in_float64(mixed({**BASE, "arch": arch, "width": 6, "depth": 0}, 2), Batched)


@pytest.mark.parametrize(
    ("arch", "optimizer", "batch"), pairs(ARCHS, OPTIMIZERS, (("relu", 256), ("tanh", 7), ("gelu", 100), ("relu", 33)))
)
def test_a_run_does_not_depend_on_its_bucket_mates(arch: str, optimizer: str, batch: tuple[str, int]) -> None:
    activation, batch_size = batch
    own: dict[str, object] = {"arch": arch, "optimizer": optimizer, "batch_size": batch_size, "width": 5}
    if "activation" in registry.options(arch, "digits"):
        own["activation"] = activation
    own["label_noise"] = 0.1
    varied = {"dataset_size": 333, "steps": 8, "lr": (0.005, 0.002), "dropout": (0.0, 0.1), "seed": (0, 1, 2)}
    levers = {"l2": 1e-3, "clip": (0.0, 0.5), "label_smoothing": 0.1, "schedule": ("constant", "cosine"), "warmup": 3}
    levers |= {"shift": 2, "rotate": 20.0, "augment_noise": 0.2, "mixup": 0.3, "width_rule": "mup"}
    plain = SweepSpec.of({**own, **varied}).runs()
    levered = SweepSpec.of({**own, **levers, **varied}).runs()
    runs = tuple(itertools.chain.from_iterable(zip(plain, levered[::4], strict=True)))
    assert_bitwise_alone(runs, Batched, (slice(1), slice(4, 9)))


@pytest.mark.parametrize(("arch", "variant"), VARIANTS, ids=str)
@pytest.mark.parametrize("width", [1, 16])
def test_no_choice_of_an_architecture_makes_it_depend(arch: str, variant: dict[str, object], width: int) -> None:
    own = {"arch": arch, "batch_size": 33, "width": width, "depth": 2, "dataset_size": 100, "steps": 5, **variant}
    runs = SweepSpec.of({**own, "seed": (0, 1, 2, 3)}).runs()
    assert_bitwise_alone(runs, Batched, (slice(1), slice(2, 4)))


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("batch_size", [7, 100, 256])
def test_nor_does_a_run_of_a_single_unit(batch_size: int, depth: int) -> None:
    base = {"width": 1, "depth": depth, "batch_size": batch_size, "dataset_size": 300, "steps": 12}
    runs = SweepSpec.of({**base, "seed": tuple(range(5))}).runs()
    assert_bitwise_alone(runs, Batched, (slice(1), slice(4, None)))


@pytest.mark.parametrize("arch", ARCHS)
def test_float32_is_as_close_to_float64_as_the_reference_is(arch: str) -> None:
    steps = 100 if arch == "mlp" else 20
    own = {"arch": arch, "width": 16, "dataset_size": 300, "eval_examples": 100, "steps": steps}
    assert_as_close_as_the_reference(SweepSpec.of({**own, "seed": (0, 1)}).runs(), Batched)


def test_a_batch_norm_of_a_single_number_is_refused_in_a_sentence() -> None:
    net = BatchedNet((RunSpec(arch="cnn"),), {}, 2, {}, real=1)
    with pytest.raises(ValueError, match="allowed: a batch_size of 2 or more"):
        net.batch_norm("norm", torch.ones(1, 3, 1, 32))  # one place, one example, the rest filling
