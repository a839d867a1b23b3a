"""Every architecture that the compiled kernel follows against the reference, and a run against itself elsewhere."""

from typing import TypeVar

import pytest
import torch

from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.kernel.build import compiler
from engine.net.kernel.kernel import Kernel
from engine.net.kernel.program import tape
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.engine.net.equality import VARIANTS, assert_bitwise_alone

T = TypeVar("T")
ARCHS = tuple(name for name in registry.names("archs") if tape(RunSpec.of({"arch": name}), True))
FOLLOWED = [each for each in VARIANTS if each[0] in ARCHS]
RATES = {"transformer": (0.0004, 0.001)}
"""What an architecture's users take, where it is not what an MLP's do."""

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C++ compiler here, or it is off")


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
