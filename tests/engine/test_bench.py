"""The benchmark compares like with like."""

from types import SimpleNamespace
from typing import Any

import pytest

from engine import bench
from engine.net.count import count
from engine.plain import module
from engine.spec import SweepSpec

SMALLEST = {name: SweepSpec.of(settings).runs()[0] for name, settings in bench.WORKLOADS.items()}


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
