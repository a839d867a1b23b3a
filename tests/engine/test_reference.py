"""The reference against a loop that anybody would write with torch.nn."""

import pytest
import torch
from torch import nn

from engine.data import load
from engine.net.device_data import DeviceData
from engine.net.reference import Reference
from engine.randomness import BatchOrder
from engine.spec import RunSpec


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_reference_is_an_ordinary_pytorch_model(optimizer: str) -> None:
    run = RunSpec(width=9, depth=2, dataset_size=120, batch_size=32, optimizer=optimizer, l1=1e-3, weight_decay=0.1)
    model = Reference((run,), DeviceData.of((run,), "cpu", torch.float64))
    net = nn.Sequential(nn.Linear(64, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 10)).double()
    with torch.no_grad():
        for own, theirs in zip(model.parameters.values(), net.parameters(), strict=True):
            theirs.copy_(own)
    if optimizer == "adamw":
        theirs_step: torch.optim.Optimizer = torch.optim.AdamW(net.parameters(), lr=run.lr, weight_decay=0.1)
    else:
        theirs_step = torch.optim.SGD(net.parameters(), lr=run.lr, momentum=0.9)
    data = load(run)
    x, y = torch.tensor(data.train.x), torch.tensor(data.train.y)
    for step, rows in enumerate(BatchOrder(run.seed, 120, 32).take(50), start=1):
        model.step(torch.tensor(rows)[None], step)
        theirs_step.zero_grad()
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        (loss + 1e-3 * sum(p.abs().sum() for p in net.parameters())).backward()
        if optimizer == "sgd":
            with torch.no_grad():
                for p in net.parameters():
                    p.mul_(1 - run.lr * 0.1)
        theirs_step.step()
    ours, theirs_logits = model.logits(x[None])[0].T, net(x)
    assert torch.allclose(ours, theirs_logits, rtol=0, atol=1e-10)


def test_initial_weights_have_pytorchs_default_spread() -> None:
    run = RunSpec(width=2000)
    weight = Reference((run,), DeviceData.of((run,), "cpu", torch.float64)).parameters["hidden0.weight"]
    assert weight.abs().max() <= 1 / 8
    assert weight.std().item() == pytest.approx(1 / 8 / 3**0.5, rel=0.01)
