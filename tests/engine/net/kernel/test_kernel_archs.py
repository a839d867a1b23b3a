"""Every architecture that the compiled kernel follows against the reference, and a run against itself elsewhere."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import torch

from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.kernel.build import compiler
from engine.net.kernel.kernel import Kernel
from engine.net.kernel.program import AT_DEFAULT, tape
from engine.spec import registry
from engine.spec.net import Net, sequence
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.engine.net import equality
from tests.engine.net.equality import (
    LONG,
    OPTIMIZERS,
    REGULARIZERS,
    VARIANTS,
    assert_bitwise_alone,
    assert_equal_in_float64,
    mixed,
)
from tests.engine.shapes import SHAPES
from tests.pairs import pairs

T = TypeVar("T")
ARCHS = tuple(name for name in registry.names("archs") if tape(RunSpec.of({"arch": name}), True))
FOLLOWED = [each for each in VARIANTS if each[0] in ARCHS]
RATES = {"transformer": (0.0004, 0.001)}
"""What an architecture's users take, where it is not what an MLP's do."""

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C++ compiler here, or it is off")


def _runs(values: dict[str, object], **lists: tuple[object, ...]) -> tuple[RunSpec, ...]:
    """Return two runs that take the values of every list in turn."""
    base = equality.BASE | {"width": 6, "label_noise": 0.2}
    lists = {"lr": RATES.get(str(values["arch"]), (0.002, 0.005)), "dropout": (0.0, 0.2)} | lists
    return mixed({**base, **values, **lists}, 2)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_architecture_that_it_follows_equals_the_reference_after_200_steps(arch: str, optimizer: str) -> None:
    dataset = "digits" if arch in ("mlp", "cnn") else "moons"  # two steps an example make the others quick
    own = {"arch": arch, "dataset": dataset, "optimizer": optimizer, **LONG}
    runs = _runs(own, weight_decay=(0.0, 0.1), l1=(1e-4, 0.0))
    assert_equal_in_float64(runs, Kernel, compared=1, whole=True)


@pytest.mark.parametrize(("arch", "variant"), FOLLOWED, ids=str)
def test_so_does_every_choice_of_such_an_architecture(arch: str, variant: dict[str, object]) -> None:
    assert_equal_in_float64(_runs({"arch": arch, **variant}), Kernel)


@pytest.mark.parametrize(("arch", "shape", "size"), pairs(ARCHS, tuple(SHAPES), ((1, 1, 1), (5, 3, 17), (37, 2, 33))))
def test_examples_of_any_shape_are_read_alike(
    arch: str, shape: str, size: tuple[int, int, int], datasets_of_any_shape: None
) -> None:
    width, depth, batch_size = size
    if arch == "transformer":  # a single unit's norm is its shift: torch follows the rounding error of its grad, 0
        width = max(width, 2)
    sizes = {"width": width, "depth": depth, "batch_size": batch_size, "steps": 20}
    assert_equal_in_float64(_runs({"arch": arch, "dataset": shape, **sizes}), Kernel)


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

    assert_equal_in_float64(
        _runs({"arch": arch_of(forward), "dataset": shape, "activation": activation, "width": 11}), Kernel
    )


@pytest.mark.parametrize("arch", ["gru", "lstm", "transformer"])
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_what_reads_steps_equals_the_reference_with_every_regularizer(arch: str, regularizer: str) -> None:
    # Of moons, whose two steps an example make such models quick.
    own: dict[str, object] = {"arch": arch, "dataset": "moons", "width": 6, "depth": 2, "label_noise": 0.2}
    own["lr"] = RATES.get(arch, (0.002, 0.005))
    left = (*AT_DEFAULT, "base_width")
    levers = {name: value for name, value in REGULARIZERS[regularizer].items() if name not in left}
    if not levers and regularizer != "none":
        pytest.skip("the kernel leaves this to the batched reader")
    assert_equal_in_float64(mixed({**equality.BASE, **own, **levers}, 2), Kernel)


@pytest.mark.parametrize(("arch", "variant"), [*FOLLOWED, *((arch, {}) for arch in ARCHS)], ids=str)
def test_no_choice_of_an_architecture_makes_it_depend(arch: str, variant: dict[str, object]) -> None:
    own = {"arch": arch, "batch_size": 33, "width": 5, "depth": 2, "dataset_size": 100, "steps": 10, **variant}
    runs = SweepSpec.of({**own, "seed": tuple(range(5)), "dropout": (0.0, 0.2)}).runs()
    assert_bitwise_alone(runs, Kernel, (slice(1), slice(3, 5)))


def test_statistics_of_batch_norms_are_those_of_the_batched_reader() -> None:
    runs = SweepSpec.of({"arch": "cnn", "batch_norm": "on", "width": 5, "depth": 2, "batch_size": 33}).runs()
    data = DeviceData.of(runs, "cpu", torch.float64)
    kernel, batched = Kernel(runs, data), Batched(runs, data)
    rows = torch.arange(5 * 33).view(5, 1, 33)
    for model in (kernel, batched):
        model.steps(rows, 1)
    assert set(kernel.statistics()) == {
        f"block{block}.norm.{kind}" for block in (0, 1) for kind in ("mean", "variance")
    }
    for name, values in batched.statistics().items():
        assert torch.allclose(kernel.statistics()[name], values, rtol=0, atol=1e-12)
