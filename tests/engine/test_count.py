"""Counting without torch agrees with torch, for every architecture on every data set."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine import registry
from engine.net.count import count, train_flops
from engine.net.device_data import DeviceData
from engine.net.reference import Reference
from engine.spec import RunSpec

EVERY = [
    (arch, dataset)
    for arch in registry.names("archs")
    for dataset in registry.names("datasets")
    if registry.dataset(dataset).on_disk()
]


def _run(arch: str, dataset: str, width: int = 12) -> RunSpec:
    return RunSpec(arch=arch, dataset=dataset, width=width, depth=2, dataset_size=64, batch_size=32, steps=10)


@pytest.mark.parametrize(("arch", "dataset"), EVERY)
def test_params_are_those_of_the_model(arch: str, dataset: str) -> None:
    run = _run(arch, dataset)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    assert count(run).params == sum(p.numel() for p in model.parameters.values())


@pytest.mark.parametrize(("arch", "dataset"), EVERY)
def test_flops_are_those_of_torchs_own_counter(arch: str, dataset: str) -> None:
    run = _run(arch, dataset)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    with FlopCounterMode(display=False) as counter:
        model.step(torch.arange(run.batch)[None], 1)
    assert counter.get_total_flops() == count(run).flops_per_example * run.batch
    assert train_flops(run) == counter.get_total_flops() * run.steps


@pytest.mark.parametrize(("arch", "dataset"), EVERY)
def test_a_wider_model_is_larger(arch: str, dataset: str) -> None:
    sizes = [count(_run(arch, dataset, width)).params for width in (4, 8, 16, 32)]
    assert sizes == sorted(set(sizes))


def test_the_opening_peak_has_the_published_size() -> None:
    assert count(RunSpec(width=24)).params == 1810  # 64·24 + 24 + 24·10 + 10
