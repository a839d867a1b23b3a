"""The reference against a loop that anybody would write with torch.nn."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from engine.data.load import load
from engine.data.rng import BatchOrder
from engine.net.device_data import DeviceData
from engine.net.reference import Reference, ReferenceNet
from engine.spec.run import RunSpec

LEVERS: dict[str, dict[str, Any]] = {
    "none": {},
    "all": {"l2": 0.01, "clip": 0.5, "label_smoothing": 0.1, "schedule": "cosine", "beta1": 0.8, "beta2": 0.95},
}


def _optimizer(net: nn.Module, run: RunSpec) -> torch.optim.Optimizer:
    if run.optimizer == "adamw":
        return torch.optim.AdamW(net.parameters(), lr=run.lr, weight_decay=0.1, betas=(run.beta1, run.beta2))
    return torch.optim.SGD(net.parameters(), lr=run.lr, momentum=0.9)


@pytest.mark.parametrize("levers", LEVERS)
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_reference_is_an_ordinary_pytorch_model(optimizer: str, levers: str) -> None:
    small = {"width": 9, "depth": 2, "dataset_size": 120, "batch_size": 32, "steps": 50}
    run = RunSpec.of({**small, "optimizer": optimizer, "l1": 1e-3, "weight_decay": 0.1, **LEVERS[levers]})
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    net = nn.Sequential(nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 10)).double()
    with torch.no_grad():
        for own, theirs in zip(model.parameters.values(), net.parameters(), strict=True):
            theirs.copy_(own)
    steps = _optimizer(net, run)
    end = 0.1 * run.lr if run.schedule == "cosine" else run.lr
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(steps, T_max=49, eta_min=end)
    loss_of = nn.CrossEntropyLoss(label_smoothing=run.label_smoothing)
    data = load(run)
    x, y = torch.tensor(data.train.x), torch.tensor(data.train.y)
    for step, rows in enumerate(BatchOrder(run.seed, 120, 32).take(50), start=1):
        model.step(torch.tensor(rows)[None], step)
        steps.zero_grad()
        penalties = sum(1e-3 * p.abs().sum() + run.l2 / 2 * (p**2).sum() for p in net.parameters())
        (loss_of(net(x[rows]), y[rows]) + penalties).backward()
        nn.utils.clip_grad_norm_(net.parameters(), run.clip or math.inf)
        if optimizer == "sgd":
            with torch.no_grad():
                for p in net.parameters():
                    p.mul_(1 - steps.param_groups[0]["lr"] * 0.1)
        steps.step()
        schedule.step()
    ours, theirs_logits = model.logits(x[None])[0].T, net(x)
    assert torch.allclose(ours, theirs_logits, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("arch", "layers"), [("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_recurrent_layers_are_those_of_torch(arch: str, layers: type[nn.GRU] | type[nn.LSTM]) -> None:
    run = RunSpec(arch=arch, width=7, depth=2, dataset_size=50)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    theirs = layers(8, 7, num_layers=2, batch_first=True).double()
    out = nn.Linear(7, 10).double()
    with torch.no_grad():
        for own, their in zip(model.parameters.values(), [*theirs.parameters(), *out.parameters()], strict=True):
            their.copy_(own)
    x = torch.tensor(load(run).train.x)
    expected = out(theirs(x.view(-1, 8, 8))[0][:, -1]).T
    assert torch.allclose(model.logits(x[None])[0], expected, rtol=0, atol=1e-12)


def test_a_cnn_with_batch_norm_is_that_of_torch_in_training_and_evaluation() -> None:
    options = (("batch_norm", "on"),)
    run = RunSpec(arch="cnn", width=5, depth=2, dataset_size=50, batch_size=50, optimizer="sgd", options=options)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    blocks = [
        nn.Sequential(nn.Conv2d(seen, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU()) for seen in (1, 5)
    ]
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 10))
    net = nn.Sequential(blocks[0], nn.MaxPool2d(2), blocks[1], pooled).double()
    with torch.no_grad():
        for own, theirs in zip(model.parameters.values(), net.parameters(), strict=True):
            theirs.copy_(own)
    data = load(run)
    x, y = torch.tensor(data.train.x), torch.tensor(data.train.y)
    optimizer = torch.optim.SGD(net.parameters(), lr=run.lr, momentum=run.momentum)
    for step in range(1, 21):
        model.step(torch.arange(50)[None], step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x.view(-1, 1, 8, 8)), y).backward()
        optimizer.step()
    assert torch.allclose(model.logits(x[None])[0].T, net.eval()(x.view(-1, 1, 8, 8)), rtol=0, atol=1e-10)


def test_no_step_of_a_transformer_sees_a_later_one() -> None:
    x = torch.randn(2, 6, 24, dtype=torch.float64)
    net = ReferenceNet(RunSpec(arch="transformer"), {}, 10, None, {})
    changed = x.clone()
    changed[:, 4:] += 1
    assert torch.equal(net.attention(x, 2)[:, :4], net.attention(changed, 2)[:, :4])
    assert not torch.allclose(net.attention(x, 2)[:, 4:], net.attention(changed, 2)[:, 4:])


def test_initial_weights_have_pytorchs_default_spread() -> None:
    run = RunSpec(width=2000)
    weight = Reference((run,), DeviceData.of((run,), "cpu", torch.float64)).parameters["hidden0.weight"]
    assert weight.abs().max() <= 1 / 8
    assert weight.std().item() == pytest.approx(1 / 8 / 3**0.5, rel=0.01)


TORCHS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "he": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "normal": lambda weight: nn.init.normal_(weight, std=0.02),
}


@pytest.mark.parametrize("init", TORCHS)
def test_initial_weights_are_spread_as_torch_nn_init_does(init: str) -> None:
    run = RunSpec(width=2000, init=init)
    parameters = Reference((run,), DeviceData.of((run,), "cpu", torch.float64)).parameters
    own, theirs = parameters["hidden0.weight"].detach(), TORCHS[init](torch.empty(2000, 64, dtype=torch.float64))
    assert own.std().item() == pytest.approx(theirs.std().item(), rel=0.01)
    assert own.abs().mean().item() == pytest.approx(theirs.abs().mean().item(), rel=0.01)  # uniform or normal
    assert not parameters["hidden0.bias"].any()
