"""Reads an architecture as one plain PyTorch model: the judge of every faster reader."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from engine import registry
from engine.net.count import count
from engine.net.device_data import DeviceData
from engine.net.initial import initial_values
from engine.net.reader import Reader
from engine.randomness import dropout_base, kept_units
from engine.schedule import rate
from engine.spec import RunSpec

ACTIVATION = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "quadratic": torch.square,
}
LOSS: "dict[str, Callable[[Tensor, Tensor], Tensor]]" = {
    "cross-entropy": F.cross_entropy,
    "mse": F.mse_loss,
    "hinge": lambda outputs, y: F.margin_ranking_loss(outputs, torch.zeros_like(outputs), y, margin=1.0),
}
"""Torch's own, means over examples and outputs; ranking an output against 0 by a margin of 1 is the hinge loss."""


class ReferenceNet:
    """A Net over tensors (batch, …) of one model."""

    def __init__(self, spec: RunSpec, parameters: dict[str, Tensor], outputs: int, step: int | None) -> None:
        self.spec, self.outputs = spec, outputs
        self._parameters, self._step, self._site = parameters, step, 0

    def linear(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return W x + b."""
        return F.linear(x, self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"])

    def activation(self, x: Tensor) -> Tensor:
        """Return the spec's nonlinearity of x."""
        return ACTIVATION[str(dict(self.spec.options)["activation"])](x)

    def dropout(self, x: Tensor) -> Tensor:
        """Return x with units dropped in training; x itself in evaluation."""
        if self._step is None or self.spec.dropout == 0:
            return x
        base = dropout_base(self.spec.seed, self._step, self._site)
        self._site += 1
        kept = torch.from_numpy(kept_units(base, x.shape[0], x.shape[1], self.spec.dropout)).to(x)
        return x * kept / (1 - self.spec.dropout)


class Reference(Reader):
    """One model in training, with torch.optim and nothing clever."""

    def __init__(self, runs: tuple[RunSpec, ...], data: DeviceData) -> None:
        (self._spec,) = runs
        self._x, self._y = data.train.x[0], data.train.y[0]
        self._forward = registry.arch(self._spec.arch).forward
        self.task = self._spec.task
        values = zip(count(self._spec).parameters, initial_values(self._spec), strict=True)
        self.parameters = {
            declared.name: torch.tensor(value, device=self._x.device, dtype=self._x.dtype, requires_grad=True)
            for declared, value in values
        }
        self._optimizer = self._make_optimizer()
        self._gradient_norm = torch.tensor(math.nan)

    def _make_optimizer(self) -> torch.optim.Optimizer:
        spec, parameters = self._spec, list(self.parameters.values())
        if spec.optimizer == "adamw":
            betas = (spec.beta1, spec.beta2)
            return torch.optim.AdamW(parameters, lr=spec.lr, betas=betas, weight_decay=spec.weight_decay)
        return torch.optim.SGD(parameters, lr=spec.lr, momentum=spec.momentum)

    def step(self, rows: Tensor, step: int) -> None:
        """Take optimizer step `step` on the examples `rows` (1, batch)."""
        spec = self._spec
        x, y = self._x[rows[0]], self._y[rows[0]]
        net = ReferenceNet(spec, self.parameters, self.task.outputs, step)
        parameters = list(self.parameters.values())
        outputs = self._forward(net, x)
        if spec.label_smoothing:
            loss = F.cross_entropy(outputs, y, label_smoothing=spec.label_smoothing)
        else:
            loss = LOSS[self.task.loss](outputs, y)
        loss = loss + spec.l1 * torch.stack([p.abs().sum() for p in parameters]).sum()
        loss = loss + spec.l2 / 2 * torch.stack([p.square().sum() for p in parameters]).sum()
        self._optimizer.zero_grad()
        loss.backward()
        self._gradient_norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if spec.clip:
            torch.nn.utils.clip_grad_norm_(parameters, spec.clip)
        lr = rate(spec, step)
        self._optimizer.param_groups[0]["lr"] = lr
        if spec.optimizer == "sgd":  # torch's SGD has only L2 in the loss; here the decay is decoupled
            with torch.no_grad():
                for parameter in parameters:
                    parameter.mul_(1 - lr * spec.weight_decay)
        self._optimizer.step()

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (1, classes, n) of x (1, n, inputs) in evaluation mode."""
        with torch.no_grad():
            net = ReferenceNet(self._spec, self.parameters, self.task.outputs, None)
            return self._forward(net, x[0]).T[None]

    def norms(self) -> tuple[Tensor, Tensor]:
        """Return the norms of all parameters and of the last step's gradient, before clipping, each (1,) float64."""
        weights = torch.nn.utils.get_total_norm([p.detach() for p in self.parameters.values()])
        return weights[None].double(), self._gradient_norm.to(weights)[None].double()
