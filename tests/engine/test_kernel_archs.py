"""The compiled kernel against the reference, for every architecture that it follows."""

import pytest
import torch

from engine import registry
from engine.knob import knobs_of
from engine.net.kernel import Kernel
from engine.net.reference import Reference
from engine.net.tape import tape
from engine.spec import RunSpec, SweepSpec
from engine.train import reader_of
from tests.engine.shapes import SHAPES
from tests.engine.test_batched import BASE, REGULARIZERS, VARIANTS, _mixed, _points
from tests.engine.test_kernel import needs_compiler

ARCHS = tuple(name for name in registry.names("archs") if name != "mlp")
"""The kernel's own tests are about the MLP."""
OPTIMIZERS = knobs_of(RunSpec)["optimizer"].choices()

pytestmark = needs_compiler


def _followed(runs: tuple[RunSpec, ...]) -> tuple[RunSpec, ...]:
    """Return the runs that the kernel follows; skips the test where there are none."""
    found = tuple(run for run in runs if tape(run, True) is not None)
    if not found:
        pytest.skip("the kernel leaves this to the batched reader")
    return found


def _assert_equal_in_float64(asked: tuple[RunSpec, ...]) -> None:
    runs = _followed(asked)
    kernel = _points(runs, Kernel, torch.float64)
    for run in runs:
        for place, metrics in _points((run,), Reference, torch.float64).items():
            assert metrics == pytest.approx(kernel[place], rel=0, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("regularizer", REGULARIZERS)
def test_the_kernel_equals_the_reference_in_float64_after_200_steps(
    arch: str, optimizer: str, regularizer: str
) -> None:
    # As for the batched reader: two steps an example are quick; all eight are seen with no regularizer.
    dataset = "digits" if arch == "cnn" or regularizer == "none" else "moons"
    rates = (0.0004, 0.001) if arch == "transformer" else (0.002, 0.005)
    own = {"arch": arch, "dataset": dataset, "optimizer": optimizer, "width": 6, "lr": rates}
    _assert_equal_in_float64(_mixed({**BASE, **own, **REGULARIZERS[regularizer]}, 2))


@pytest.mark.parametrize(("arch", "variant"), [v for v in VARIANTS if v[0] in ARCHS], ids=str)
def test_every_choice_of_an_architecture_equals_the_reference_too(arch: str, variant: dict[str, object]) -> None:
    own = {"arch": arch, "width": 6, "lr": 0.002, "dropout": (0.0, 0.2), "steps": 60, **variant}
    _assert_equal_in_float64(_mixed({**BASE, **own}, 2))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("width", "depth", "batch_size"), [(1, 1, 1), (17, 3, 33)])
def test_examples_of_any_shape_are_read_alike(
    arch: str, shape: str, width: int, depth: int, batch_size: int, datasets_of_any_shape: None
) -> None:
    own = {"arch": arch, "dataset": shape, "width": width, "depth": depth, "batch_size": batch_size}
    _assert_equal_in_float64(_mixed({**BASE, **own, "dropout": (0.0, 0.2), "steps": 20, "dataset_size": 40}, 2))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("optimizer", "batch_size"), [("adamw", 33), ("sgd", 7)])
def test_a_run_does_not_depend_on_its_bucket_mates(arch: str, optimizer: str, batch_size: int) -> None:
    own = {"arch": arch, "optimizer": optimizer, "batch_size": batch_size, "width": 5, "steps": 12}
    varied = {"dataset_size": 100, "seed": tuple(range(3)), "lr": (0.005, 0.002), "dropout": (0.0, 0.1)}
    runs = _followed(SweepSpec.of({**own, **varied}).runs())
    together = _points(runs, Kernel, torch.float32)
    for part in (runs[:1], runs[4:9]):
        for place, metrics in _points(part, Kernel, torch.float32).items():
            assert repr(metrics) == repr(together[place])  # bitwise, and NaN where there is NaN


@pytest.mark.parametrize("arch", ARCHS)
def test_float32_is_as_close_to_float64_as_the_reference_is(arch: str) -> None:
    own = {"arch": arch, "dataset": "digits", "width": 16, "lr": 0.001, "seed": (0, 1)}
    runs = _followed(SweepSpec.of({**own, "dataset_size": 300, "steps": 100}).runs())
    exact, kernel = (_points(runs, Kernel, dtype) for dtype in (torch.float64, torch.float32))
    reference = {p: m for run in runs for p, m in _points((run,), Reference, torch.float32).items()}

    def distance(points: dict[tuple[str, int], tuple[float, ...]]) -> float:
        return max(abs(a - b) for place in points for a, b in zip(points[place][:3], exact[place][:3], strict=True))

    assert distance(kernel) < max(2 * distance(reference), 1e-5)


@pytest.mark.parametrize("arch", ["gru", "lstm"])
def test_recurrent_networks_are_trained_by_the_kernel(arch: str) -> None:
    for dataset in ("digits", "mnist1d", "characters"):
        assert reader_of(RunSpec(arch=arch, dataset=dataset, depth=2, dropout=0.1), "cpu") is Kernel
