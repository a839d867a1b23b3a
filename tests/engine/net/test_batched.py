"""The batched reader: a run against itself among other bucket-mates, and how it rounds."""

import itertools

import pytest
import torch

from engine.net.batched import Batched
from engine.net.batched_net import BatchedNet
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.engine.net.equality import (
    ARCHS,
    OPTIMIZERS,
    VARIANTS,
    assert_as_close_as_the_reference,
    assert_bitwise_alone,
)
from tests.pairs import pairs


@pytest.mark.parametrize(
    ("arch", "optimizer", "batch"), pairs(ARCHS, OPTIMIZERS, (("relu", 256), ("tanh", 7), ("gelu", 100), ("relu", 33)))
)
def test_a_run_does_not_depend_on_its_bucket_mates(arch: str, optimizer: str, batch: tuple[str, int]) -> None:
    activation, batch_size = batch
    own: dict[str, object] = {"arch": arch, "optimizer": optimizer, "batch_size": batch_size, "width": 5}
    if "activation" in registry.options(arch, "digits"):
        own["activation"] = activation
    own["label_noise"] = 0.1
    varied = {"dataset_size": 333, "steps": 4, "lr": (0.005, 0.002), "dropout": (0.0, 0.1), "seed": (0, 1)}
    levers = {"l2": 1e-3, "clip": (0.0, 0.5), "label_smoothing": 0.1, "schedule": ("constant", "cosine"), "warmup": 2}
    levers |= {"shift": 2, "rotate": 20.0, "augment_noise": 0.2, "mixup": 0.3, "width_rule": "mup"}
    plain = SweepSpec.of({**own, **varied}).runs()
    levered = SweepSpec.of({**own, **levers, **varied}).runs()
    runs = tuple(itertools.chain.from_iterable(zip(plain, levered[::4], strict=True)))
    assert_bitwise_alone(runs, Batched, (slice(1), slice(4, 8)))


@pytest.mark.parametrize(
    ("arch", "variant", "width"),
    [
        pytest.param(*each, width, marks=() if (place + width) % 2 else pytest.mark.long)
        for place, each in enumerate(VARIANTS)
        for width in (1, 16)
    ],
    ids=str,
)
def test_no_choice_of_an_architecture_makes_it_depend(arch: str, variant: dict[str, object], width: int) -> None:
    own = {"arch": arch, "batch_size": 33, "width": width, "depth": 2, "dataset_size": 100, "steps": 3, **variant}
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
    steps = 40 if arch == "mlp" else 15
    own = {"arch": arch, "width": 16, "dataset_size": 300, "eval_examples": 100, "steps": steps}
    assert_as_close_as_the_reference(SweepSpec.of({**own, "seed": (0, 1)}).runs(), Batched)


def test_a_batch_norm_of_a_single_number_is_refused_in_a_sentence() -> None:
    net = BatchedNet((RunSpec(arch="cnn"),), {}, 2, {}, real=1)
    with pytest.raises(ValueError, match="allowed: a batch_size of 2 or more"):
        net.batch_norm("norm", torch.ones(1, 3, 1, 32))  # one place, one example, the rest filling
