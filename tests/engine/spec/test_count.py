"""Counting without torch agrees with torch, for every architecture on every data set."""

import dataclasses
import itertools
import math
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.net.device_data import DeviceData
from engine.net.reference import Reference
from engine.spec import registry
from engine.spec.count import count
from engine.spec.run import RunSpec, train_flops
from tests.engine.shapes import SHAPES

DATASETS = [name for name in registry.names("datasets") if registry.dataset(name).on_disk()]
ARCHS = registry.names("archs")
SLOW = ("characters", "multitask-parity")
"""Data sets that take long to load."""
IN_TURN = [
    pytest.param(arch, dataset, marks=pytest.mark.long if (place + turn) % len(ARCHS) or dataset in SLOW else ())
    for place, arch in enumerate(ARCHS)
    for turn, dataset in enumerate(DATASETS)
]
"""Daily one architecture on most data sets; every architecture on every shape of example is daily too."""


def _run(arch: str, dataset: str, width: int = 12) -> RunSpec:
    return RunSpec(arch=arch, dataset=dataset, width=width, depth=2, dataset_size=40, batch_size=32, steps=10)


@pytest.mark.parametrize(("arch", "dataset"), IN_TURN)
def test_params_are_those_of_the_model(arch: str, dataset: str) -> None:
    run = _run(arch, dataset)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    assert count(run).params == sum(p.numel() for p in model.parameters.values())


@pytest.mark.parametrize(("arch", "dataset"), IN_TURN)
def test_flops_are_those_of_torchs_own_counter(arch: str, dataset: str) -> None:
    run = _run(arch, dataset)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    with FlopCounterMode(display=False) as counter:
        model.step(torch.arange(run.batch)[None], 1)
    assert counter.get_total_flops() == count(run).flops_per_example * run.batch
    assert train_flops(run) == counter.get_total_flops() * run.steps


def _backward_of_groups(
    slope: tuple[int, ...], x: tuple[int, ...], weight: tuple[int, ...], *rest: Any, out_shape: Any, **more: Any
) -> int:
    """Count a convolution's backward pass; torch's own formula takes every group's weights for all groups' at once."""
    mask = rest[-1]
    flops: int = 2 * slope[0] * math.prod(slope[2:]) * math.prod(weight) * (mask[0] + mask[1])
    return flops


@pytest.mark.parametrize(
    ("dataset", "batch_norm"),
    [
        pytest.param(dataset, batch_norm, marks=() if dataset in ("digits", "mnist1d") else pytest.mark.long)
        for dataset, batch_norm in zip(DATASETS, itertools.cycle(["off", "on"]), strict=False)
    ],
)
def test_flops_of_a_separable_convolution_are_those_of_its_groups(dataset: str, batch_norm: str) -> None:
    options = (("convolution", "separable"), ("batch_norm", batch_norm))
    run = dataclasses.replace(_run("cnn", dataset), depth=3, options=options)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    counts = {torch.ops.aten.convolution_backward: _backward_of_groups}
    with FlopCounterMode(display=False, custom_mapping=counts) as counter:
        model.step(torch.arange(run.batch)[None], 1)
    assert counter.get_total_flops() == count(run).flops_per_example * run.batch
    assert count(run).params == sum(p.numel() for p in model.parameters.values())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("arch", ARCHS)
def test_every_shape_of_example_is_counted(arch: str, shape: str, datasets_of_any_shape: None) -> None:
    test_flops_are_those_of_torchs_own_counter(arch, shape)
    test_params_are_those_of_the_model(arch, shape)


def test_embeddings_are_told_from_the_rest(datasets_of_any_shape: None) -> None:
    counted = count(_run("transformer", "tokens"))
    assert counted.params - counted.params_non_embedding == (5 + 4) * 12  # a row per token and per position
    assert count(_run("gru", "digits")).params_non_embedding == count(_run("gru", "digits")).params


@pytest.mark.parametrize("arch", ARCHS)
def test_a_wider_model_is_larger(arch: str) -> None:
    for dataset in DATASETS:
        sizes = [count(_run(arch, dataset, width)).params for width in (4, 8, 16, 32)]
        assert sizes == sorted(set(sizes)), dataset


def test_the_opening_peak_has_the_published_size() -> None:
    assert count(RunSpec(width=24)).params == 1810  # 64·24 + 24 + 24·10 + 10
