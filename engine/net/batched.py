"""Reads an architecture with a leading model axis: all models of one shape in one set of kernels.

Activations lie as (models, units, rows). The rows of a batch are last, so that softmax runs along
vectors of rows and weight gradients multiply wide matrices: on a CPU three times faster than units last.
"""

import math

import numpy as np
import torch
from torch import Tensor

from engine import registry
from engine.net.count import count
from engine.net.device_data import ROW_MULTIPLE, DeviceData
from engine.net.initial import initial_values
from engine.net.losses import LOSSES
from engine.net.optimizers import Optimizer
from engine.net.reader import Reader
from engine.randomness import dropout_base, dropout_threshold
from engine.spec import RunSpec

ACTIVATION = {
    "relu": torch.relu_,
    "gelu": torch.nn.functional.gelu,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
    "quadratic": torch.square,
}
"""In place where the backward pass needs only the result: one pass over memory less."""

VECTOR = 16
"""Numbers in the longest vector of a processor, in float32."""


class BatchedNet:
    """A Net over tensors (models, units, rows)."""

    def __init__(
        self, spec: RunSpec, parameters: dict[str, Tensor], outputs: int, dropped: "Dropout | None" = None
    ) -> None:
        self.spec, self.outputs = spec, outputs
        self._parameters, self._dropped = parameters, dropped
        self._activation = ACTIVATION[str(dict(spec.options)["activation"])]

    def linear(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return W x + b for every model."""
        weight, bias = self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"][:, :, None]
        if x.shape[1] == 1:  # a lone model's weight gradient would be a matrix times a vector, rounded by another path
            return torch.addcmul(bias, weight, x)
        return torch.baddbmm(bias, weight, x)

    def activation(self, x: Tensor) -> Tensor:
        """Return the spec's nonlinearity of x."""
        return self._activation(x)

    def dropout(self, x: Tensor) -> Tensor:
        """Return x with each model's share of units dropped in training; x itself in evaluation."""
        return x if self._dropped is None else self._dropped(x)


class Dropout:
    """The masks of one training step: a hash of (seed, step, site, row, unit), the same in any bucket."""

    def __init__(self, runs: tuple[RunSpec, ...], step: int) -> None:
        self._runs, self._step, self._site = runs, step, 0

    def __call__(self, x: Tensor) -> Tensor:
        """Return x (models, units, rows) with units dropped and the rest scaled up."""
        _, units, rows = x.shape
        bases = [dropout_base(run.seed, self._step, self._site) for run in self._runs]
        self._site += 1
        rates = np.array([run.dropout for run in self._runs])
        place = torch.arange(rows, device=x.device) * units + torch.arange(units, device=x.device)[:, None]
        h = (place + torch.tensor(bases, device=x.device)[:, None, None]) & 0xFFFFFFFF
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):  # as randomness.kept_units
            h ^= h >> shift
            h *= factor  # wraps in 64 bits; the low 32 are right
            h &= 0xFFFFFFFF
        h ^= h >> 16
        thresholds = torch.tensor([dropout_threshold(rate) for rate in rates], device=x.device)
        scale = torch.tensor(1 / (1 - rates), device=x.device, dtype=x.dtype)
        return x * ((h >= thresholds[:, None, None]) * scale[:, None, None])


class Batched(Reader):
    """All models of a bucket in training; their settings are vectors along the model axis."""

    def __init__(self, runs: tuple[RunSpec, ...], data: DeviceData) -> None:
        self._runs = runs
        self._forward = registry.arch(runs[0].arch).forward
        self.task = runs[0].task
        x = data.train.x
        # All numbers of a model lie in one row, filled up to whole vectors of the processor: the fused optimizer
        # rounds a leftover by another path, and a model's result would depend on its place in the bucket.
        declared = count(runs[0]).parameters
        flat = [np.concatenate([values.ravel() for values in initial_values(run)]) for run in runs]
        filled = np.pad(np.stack(flat), ((0, 0), (0, -len(flat[0]) % VECTOR)))
        self._weights = weights = torch.tensor(filled, device=x.device, dtype=x.dtype)
        sizes = [math.prod(parameter.dims) for parameter in declared]
        self._filling = weights.new_zeros(len(runs), filled.shape[1] - sum(sizes))
        parts = weights.split([*sizes, self._filling.shape[1]], dim=1)
        self.parameters = {
            parameter.name: part.unflatten(1, parameter.dims).requires_grad_()
            for parameter, part in zip(declared, parts, strict=False)
        }
        self._leaves = list(self.parameters.values())
        self._optimizer = Optimizer(runs, weights)
        self._loss = LOSSES[self.task.loss]
        self._smoothing = x.new_tensor([run.label_smoothing for run in runs])[:, None, None]
        self._any_smoothing = any(run.label_smoothing > 0 for run in runs)
        self._any_dropout = any(run.dropout > 0 for run in runs)
        self._x, self._y = x.flatten(0, 1), data.train.y.flatten(0, 1)
        self._first_row = data.which[:, None] * x.shape[1]

    def step(self, rows: Tensor, step: int) -> None:
        """Take optimizer step `step` on the examples `rows` (models, batch)."""
        models, batch = rows.shape
        # Whole vectors of rows, or elementwise kernels round a model's last rows by another path than its
        # bucket-mates'. The extra rows have no gradient.
        extra = -batch % ROW_MULTIPLE
        index = rows + self._first_row
        if extra:
            index = torch.cat([index, index[:, :1].expand(models, extra)], dim=1)
        index = index.view(-1)
        x = self._x.index_select(0, index).view(models, batch + extra, -1)
        y = self._y.index_select(0, index).unflatten(0, (models, batch + extra))
        dropped = Dropout(self._runs, step) if self._any_dropout else None
        net = BatchedNet(self._runs[0], self.parameters, self.task.outputs, dropped)
        logits = self._forward(net, x.transpose(1, 2))
        with torch.no_grad():  # the gradient of the mean loss
            slope = self._loss.slope(logits, y)
            if self._any_smoothing:  # of the target, a share moves from the label to all classes
                slope.scatter_add_(1, y[:, None], self._smoothing.expand(-1, 1, batch + extra))
                slope -= self._smoothing / self.task.outputs
            slope /= batch
            if extra:
                slope[:, :, batch:] = 0
        gradients = torch.autograd.grad(logits, self._leaves, slope)
        self._optimizer.step(torch.cat([*(g.flatten(1) for g in gradients), self._filling], dim=1), step)

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (models, classes, n) of x (models, n, inputs) in evaluation mode."""
        with torch.no_grad():
            net = BatchedNet(self._runs[0], self.parameters, self.task.outputs)
            return self._forward(net, x.transpose(1, 2))

    def norms(self) -> tuple[Tensor, Tensor]:
        """Return the norms of all parameters and of the last step's gradient, before clipping, each (models,) float64.

        Before the first step there is no gradient: NaN.
        """
        weights, gradients = (
            torch.linalg.vector_norm(values, dim=1, dtype=torch.float64)
            for values in (self._weights, self._optimizer.gradients)
        )
        return weights, gradients
