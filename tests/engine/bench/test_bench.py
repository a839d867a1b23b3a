"""The benchmark compares like with like."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engine.bench import bench
from engine.bench.torch_baselines import module
from engine.bench.workloads import WORKLOADS
from engine.net.device_data import DeviceData
from engine.net.reference import Reference
from engine.spec.count import count
from engine.spec.sweep import SweepSpec

SMALLEST = {name: SweepSpec.of(settings).runs()[0] for name, settings in WORKLOADS.items()}


@pytest.mark.parametrize("name", SMALLEST)
def test_the_plain_twin_is_as_large_as_the_model_it_stands_for(name: str) -> None:
    run = SMALLEST[name]
    assert sum(p.numel() for p in module(run).parameters()) == count(run).params


def test_an_architecture_without_a_twin_is_named() -> None:
    run: Any = SimpleNamespace(arch="unknown")
    with pytest.raises(ValueError, match="unknown has no plain twin; allowed: one of mlp"):
        module(run)


def test_an_unknown_workload_is_named() -> None:
    with pytest.raises(ValueError, match="--workload huge is not known; allowed: one of preset, mlp-tiny"):
        bench.report("huge", as_json=False)


@pytest.mark.parametrize("name", SMALLEST)
def test_the_twin_in_jax_is_the_same_model(name: str) -> None:
    pytest.importorskip("jax", reason="JAX is not installed")
    from engine.bench import jax_baseline

    run = SMALLEST[name]
    data = DeviceData.of((run,), "cpu", torch.float32)
    x = data.val.x[:, :50]
    ours = Reference((run,), data).logits(x)[0].T
    numbers = x[0].numpy().astype("int32" if run.task.tokens else "float32")
    theirs = jax_baseline.forward(run, jax_baseline.parameters(run), numbers)
    assert torch.allclose(ours, torch.tensor(theirs.tolist()), rtol=0, atol=1e-4)
    assert jax_baseline.seconds_a_step((run,), 0.01) > 0
