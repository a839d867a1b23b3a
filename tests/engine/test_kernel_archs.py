"""Every architecture that the compiled kernel follows, against the reference and among other bucket-mates."""

import itertools

import pytest
import torch

from engine import registry
from engine.net.kernel import Kernel
from engine.net.reader import Reader
from engine.net.reference import Reference
from engine.net.tape import tape
from engine.spec import RunSpec
from engine.train import train
from tests.engine.shapes import SHAPES
from tests.engine.test_batched import BASE, OPTIMIZERS, REGULARIZERS, VARIANTS, _mixed
from tests.engine.test_kernel import needs_compiler

ARCHS = tuple(name for name in registry.names("archs") if tape(RunSpec(arch=name), True) is not None)
OWN_VARIANTS = [(arch, variant) for arch, variant in VARIANTS if arch in ARCHS]

pytestmark = needs_compiler


def _points(
    runs: tuple[RunSpec, ...], reader: type[Reader], dtype: torch.dtype
) -> dict[tuple[str, int], tuple[float, ...]]:
    points = itertools.chain.from_iterable(train(runs, reader=reader, dtype=dtype))
    return {(point.key, point.step): point.metrics for point in points}


def _assert_equal_in_float64(asked: tuple[RunSpec, ...]) -> None:
    runs = tuple(run for run in asked if tape(run, True) is not None)
    if not runs:
        pytest.skip("the kernel leaves this to the batched reader")
    kernel = _points(runs, Kernel, torch.float64)
    for run in runs:
        for place, metrics in _points((run,), Reference, torch.float64).items():
            assert metrics == pytest.approx(kernel[place], rel=0, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("arch", [arch for arch in ARCHS if arch != "mlp"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_it_equals_the_reference_after_200_steps(arch: str, optimizer: str, regularizer: str) -> None:
    # As in test_batched: two steps an example make recurrent models quick, and rates are what their users take.
    dataset = "digits" if arch == "cnn" or regularizer == "all" else "moons"
    rates = (0.0004, 0.001, 0.0006) if arch == "transformer" else (0.002, 0.005, 0.003)
    depth = 2 if arch == "cnn" or regularizer == "all" else 1
    own = {"arch": arch, "dataset": dataset, "optimizer": optimizer, "width": 6, "depth": depth, "lr": rates}
    _assert_equal_in_float64(_mixed({**BASE, **own, **REGULARIZERS[regularizer]}, 3))


@pytest.mark.parametrize(("arch", "variant"), OWN_VARIANTS, ids=str)
def test_every_choice_of_an_architecture_equals_the_reference_too(arch: str, variant: dict[str, object]) -> None:
    own = {"arch": arch, "width": 6, "lr": (0.002, 0.005), "dropout": (0.0, 0.2), **variant}
    _assert_equal_in_float64(_mixed({**BASE, **own}, 2))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("width", "batch_size"), [(6, 24), (3, 1), (20, 40)])
def test_examples_of_any_shape_are_read_alike(
    arch: str, shape: str, width: int, batch_size: int, datasets_of_any_shape: None
) -> None:
    own = {"arch": arch, "dataset": shape, "width": width, "dropout": (0.0, 0.2), "steps": 20, "dataset_size": 40}
    _assert_equal_in_float64(_mixed({**BASE, **own, "batch_size": batch_size}, 2))


@pytest.mark.parametrize(("arch", "variant"), OWN_VARIANTS, ids=str)
@pytest.mark.parametrize(("width", "batch_size"), [(1, 33), (16, 100), (5, 7)])
def test_a_run_does_not_depend_on_its_bucket_mates(
    arch: str, variant: dict[str, object], width: int, batch_size: int
) -> None:
    own = {"arch": arch, "batch_size": batch_size, "width": width, "depth": 2, "dataset_size": 100, "steps": 10}
    runs = _mixed({**own, "dropout": (0.0, 0.1), "lr": (0.005, 0.002), **variant}, 5)
    together = _points(runs, Kernel, torch.float32)
    for part in (runs[:1], runs[3:5]):
        for place, metrics in _points(part, Kernel, torch.float32).items():
            assert repr(metrics) == repr(together[place])  # bitwise, and NaN where there is NaN


@pytest.mark.parametrize("arch", ARCHS)
def test_float32_is_as_close_to_float64_as_the_reference_is(arch: str) -> None:
    dataset, lr = ("moons", 0.001) if arch == "transformer" else ("digits", 0.002)
    own = {"arch": arch, "dataset": dataset, "width": 8, "dataset_size": 200, "batch_size": 32, "steps": 100, "lr": lr}
    runs = _mixed(own, 3)
    exact = _points(runs, Kernel, torch.float64)
    kernel = _points(runs, Kernel, torch.float32)
    reference = {p: m for run in runs for p, m in _points((run,), Reference, torch.float32).items()}

    def distance(points: dict[tuple[str, int], tuple[float, ...]]) -> float:
        return max(abs(a - b) for place in points for a, b in zip(points[place][:3], exact[place][:3], strict=True))

    assert distance(kernel) < max(2 * distance(reference), 1e-5)
