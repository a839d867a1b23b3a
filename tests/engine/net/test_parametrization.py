"""The muP rule: at the base width it is the standard, and away from it features learn alike in every width."""

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.initial import initial_values
from engine.net.parametrization import rate_factors
from engine.net.reference import Reference, ReferenceNet
from engine.spec import registry
from engine.spec.count import count
from engine.spec.run import RunSpec
from tests.engine.net.equality import points

ARCHS = registry.names("archs")
WIDTHS = {"mlp": (64, 512), "cnn": (8, 64), "gru": (16, 128), "lstm": (16, 128), "transformer": (16, 128)}
"""Base width, and one as far from it as is quick."""
BY_SGD = [pytest.param(arch, "sgd", marks=pytest.mark.long) for arch in ARCHS if arch != "mlp"]
"""Daily the table of rates speaks for these."""


class Watched(ReferenceNet):
    """Keeps what comes before the output layer, and before a norm that would hide its size."""

    features: Tensor

    def linear(self, name: str, x: Tensor, width: int) -> Tensor:
        if name == "out" and not hasattr(self, "features"):
            self.features = x
        return super().linear(name, x, width)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        if name == "norm":
            self.features = x
        return super().layer_norm(name, x)


def _features_move(arch: str, optimizer: str, rule: str, width: int, seed: int) -> float:
    """Return the root of the mean square of what three steps change in the last hidden layer."""
    given = {"arch": arch, "width": width, "width_rule": rule, "base_width": WIDTHS[arch][0], "seed": seed}
    rates = {"optimizer": optimizer, "lr": {"adamw": 0.003, "sgd": 0.1}[optimizer], "momentum": 0.0}
    run = RunSpec.of({**given, **rates, "depth": 2, "dataset_size": 32, "batch_size": 32})
    data = DeviceData.of((run,), "cpu", torch.float64)
    model, seen = Reference((run,), data), []
    for _ in range(2):
        net = Watched(run, model.parameters, run.task.outputs, None, {})
        registry.arch(arch).forward(net, data.train.x[0, :32])
        seen.append(net.features.detach())
        for step in range(1, 4):
            model.step(torch.arange(32)[None], step)
    return float((seen[1] - seen[0]).square().mean().sqrt())


@pytest.mark.parametrize(("arch", "optimizer"), [*((arch, "adamw") for arch in ARCHS), ("mlp", "sgd"), *BY_SGD])
def test_features_learn_alike_in_every_width_by_the_rule_alone(arch: str, optimizer: str) -> None:
    base, wide = WIDTHS[arch]
    at_base = sum(_features_move(arch, optimizer, "standard", base, seed) for seed in range(2))
    standard, mup = (
        sum(_features_move(arch, optimizer, rule, wide, seed) for seed in range(2)) / at_base
        for rule in ("standard", "mup")
    )
    assert 0.7 < mup < 1.4
    if (arch, optimizer) != ("transformer", "sgd"):  # whose last features SGD moves alike by either rule
        assert standard > 1.5 or standard < 0.5


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("arch", ARCHS)
def test_at_the_base_width_it_is_the_standard(arch: str, optimizer: str) -> None:
    settings = {"arch": arch, "optimizer": optimizer, "width": 6, "base_width": 6, "dataset_size": 60, "steps": 6}
    levers = {"weight_decay": 0.1, "l2": 0.01, "clip": 1.0, "schedule": "cosine", "depth": 2, "batch_size": 20}
    found = []
    for rule in ("standard", "mup"):
        run = RunSpec.of({**settings, **levers, "width_rule": rule})
        found.append(list(points((run,), Batched, torch.float64).values()))
    for standard, mup in zip(*found, strict=True):
        assert mup == pytest.approx(standard, rel=0, abs=1e-12, nan_ok=True)


FACTORS = {
    "adamw": {"hidden0.weight": 1, "hidden0.bias": 1, "hidden1.weight": 1 / 4, "hidden1.bias": 1, "out.weight": 1 / 4},
    "sgd": {"hidden0.weight": 4, "hidden0.bias": 4, "hidden1.weight": 1, "hidden1.bias": 4, "out.weight": 1 / 4},
}
"""Table 3 of the source, at four times the base width; the output's bias always learns at the run's rate."""


@pytest.mark.parametrize("optimizer", FACTORS)
def test_rates_are_those_of_the_table(optimizer: str) -> None:
    run = RunSpec(width=64, base_width=16, width_rule="mup", depth=2, optimizer=optimizer)
    names = [parameter.name for parameter in count(run).parameters]
    assert dict(zip(names, rate_factors(run), strict=True)) == {**FACTORS[optimizer], "out.bias": 1}


def test_tables_and_norms_learn_as_inputs_do() -> None:
    run = RunSpec(arch="transformer", dataset="modular", width=64, base_width=16, width_rule="mup", optimizer="sgd")
    factors = {p.name: f for p, f in zip(count(run).parameters, rate_factors(run), strict=True)}
    wide = {"embedding.weight", "positions.weight", "norm.weight", "norm.bias", "block0.norm1.weight"}
    assert {factors[name] for name in wide} == {4.0}
    assert factors["block0.attend.weight"] == factors["block0.narrow.weight"] == 1.0
    assert factors["out.weight"] == 1 / 4


@pytest.mark.parametrize("init", ["default", "he", "xavier", "normal"])
def test_initial_spreads_are_those_of_the_table(init: str) -> None:
    spreads = []
    for width in (64, 1024):
        run = RunSpec(width=width, base_width=64, width_rule="mup", depth=2, init=init)
        pairs = zip(count(run).parameters, initial_values(run), strict=True)
        spreads.append({parameter.name: values.std() for parameter, values in pairs if values.any()})
    falls = {name: spreads[0][name] / spreads[1][name] for name in spreads[0]}
    assert falls["hidden0.weight"] == pytest.approx(1, rel=0.05)
    assert falls["hidden1.weight"] == pytest.approx(4, rel=0.05)
    assert falls["out.weight"] == pytest.approx(16, rel=0.1)
    if init == "default":
        assert falls["hidden1.bias"] == pytest.approx(1, rel=0.2)
    assert np.isfinite(list(falls.values())).all()
