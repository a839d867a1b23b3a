"""Every fast reader against the reference: the batched one, and the compiled kernel wherever it follows."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest

from engine.net.batched import Batched
from engine.net.kernel.build import compiler
from engine.net.kernel.program import AT_DEFAULT
from engine.spec.net import Net, sequence
from engine.spec.run import RunSpec
from tests.engine.net import equality
from tests.engine.net.equality import (
    ARCHS,
    AUGMENTATION,
    LONG,
    ON_IMAGES,
    OPTIMIZERS,
    REGULARIZERS,
    VARIANTS,
    assert_equal_in_float64,
    mixed,
)
from tests.engine.shapes import SHAPES
from tests.pairs import pairs

T = TypeVar("T")
BASE = equality.BASE | {"width": 6, "label_noise": 0.2, "dropout": (0.0, 0.2)}


def _rates(arch: str) -> tuple[float, ...]:
    return (0.0004, 0.001, 0.0006) if arch == "transformer" else (0.002, 0.005, 0.003)  # what its users take


def _of(arch: str, values: Mapping[str, object], number: int = 2) -> tuple[RunSpec, ...]:
    return mixed({**BASE, "arch": arch, "lr": _rates(arch), **values}, number)


@pytest.mark.parametrize(("arch", "optimizer", "regularizer"), pairs(ARCHS, OPTIMIZERS, tuple(REGULARIZERS)))
def test_readers_equal_the_reference_in_float64(arch: str, optimizer: str, regularizer: str) -> None:
    # Two steps an example make recurrent models quick; all eight are seen with every regularizer at once.
    dataset = "digits" if arch in ("mlp", "cnn") or regularizer in ON_IMAGES else "moons"
    depth = 2 if arch in ("mlp", "cnn") or regularizer == "all" else 1
    levers = {"dropout": 0.0, **REGULARIZERS[regularizer]}
    every = max((len(values) for values in levers.values() if isinstance(values, tuple)), default=2)
    assert_equal_in_float64(_of(arch, {"optimizer": optimizer, "dataset": dataset, "depth": depth, **levers}, every))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_they_do_so_after_200_steps_too(arch: str, optimizer: str) -> None:
    levers = {name: value for name, value in REGULARIZERS["all"].items() if name not in (*AT_DEFAULT, "base_width")}
    own = {"optimizer": optimizer, "dataset": "digits" if arch == "mlp" else "moons", "depth": 1}
    assert_equal_in_float64(_of(arch, {**LONG, **own, **levers}), compared=1, whole=True)


@pytest.mark.parametrize(("arch", "variant"), VARIANTS, ids=str)
def test_every_choice_of_an_architecture_is_read_alike(arch: str, variant: dict[str, object]) -> None:
    assert_equal_in_float64(_of(arch, variant), compared=1)


@pytest.mark.parametrize(("arch", "shape", "size"), pairs(ARCHS, tuple(SHAPES), ((1, 1, 1), (5, 3, 17), (37, 2, 33))))
def test_so_are_examples_of_any_shape(
    arch: str, shape: str, size: tuple[int, int, int], datasets_of_any_shape: None
) -> None:
    width, depth, batch_size = size
    if arch == "transformer":  # a single unit's norm is its shift: torch follows the rounding error of its grad, 0
        width = max(width, 2)
    sizes = {"width": width, "depth": depth, "batch_size": batch_size}
    assert_equal_in_float64(_of(arch, {"dataset": shape, **sizes}), compared=1)


@pytest.mark.parametrize(("shape", "arch"), list(zip(AUGMENTATION, itertools.cycle(ARCHS), strict=False)))
def test_so_are_augmented_examples_of_any_shape(shape: str, arch: str, datasets_of_any_shape: None) -> None:
    assert_equal_in_float64(_of(arch, {"dataset": shape, **AUGMENTATION[shape]}))


def test_targets_of_every_loss_are_mixed_alike() -> None:
    for own in ({"dataset": "diabetes"}, {"dataset": "parity"}, {"dataset": "wine", "label_smoothing": (0.1, 0.2)}):
        assert_equal_in_float64(_of("mlp", {**own, "dataset_size": 90, "mixup": (0.4, 0.0, 2.0)}, 3))


@pytest.mark.parametrize("arch", ARCHS)
def test_depth_0_is_a_linear_model_of_what_an_architecture_reads(arch: str) -> None:
    assert_equal_in_float64(_of(arch, {"depth": 0}))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_value_may_be_used_more_than_once(
    shape: str, activation: str, datasets_of_any_shape: None, arch_of: Callable[[Any], str]
) -> None:
    def forward(net: Net[T], x: T) -> T:
        first = net.linear("first", sequence(net, x), net.spec.width)
        second = net.dropout(net.activation(first))
        third = net.add(second, net.linear("third", second, net.spec.width))
        last = net.add(first, net.activation(third))
        pooled = net.add(net.mean(last), net.last(third))
        return net.linear("out", net.add(pooled, pooled), net.outputs)

    assert_equal_in_float64(_of(arch_of(forward), {"dataset": shape, "activation": activation, "width": 11}))


@pytest.mark.parametrize("operation", ["layer_norm", "batch_norm", "depthwise"])
def test_nothing_need_be_learned_before_an_operation(
    operation: str, datasets_of_any_shape: None, arch_of: Callable[[Any], str]
) -> None:
    def forward(net: Net[T], x: T) -> T:
        x = sequence(net, x) if operation == "layer_norm" else net.grid(x)
        part = net.last(x) if operation == "layer_norm" else net.mean(net.max_pool(x))
        seen = net.activation(net.add(net.mean(x), part))
        learned = net.mean(getattr(net, operation)("first", net.activation(x)))
        read = net.linear("read", net.dropout(net.ravel(x)), net.outputs)
        return net.add(read, net.linear("out", net.add(seen, learned), net.outputs))

    assert_equal_in_float64(_of(arch_of(forward), {"dataset": "signal"}))


@pytest.mark.skipif(compiler() is None, reason="no C++ compiler here, or it is off")
def test_the_kernel_is_among_them_for_every_choice_of_an_architecture() -> None:
    for arch, variant in [*VARIANTS, *((arch, {}) for arch in ARCHS)]:
        assert len(equality.readers(_of(arch, variant))) == 2
    for name in AT_DEFAULT:
        augmented: dict[str, object] = {name: (0, 1) if name != "width_rule" else ("standard", "mup")}
        assert equality.readers(_of("mlp", augmented)) == (Batched,)
