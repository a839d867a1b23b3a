"""Trains all models of one shape in one set of kernels: a leading model axis."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from engine.net.augment import Augment
from engine.net.batched_net import BatchedNet, Dropout
from engine.net.device_data import ROW_MULTIPLE, DeviceData
from engine.net.initial import initial_values
from engine.net.losses import LOSSES
from engine.net.optimizers import Optimizer
from engine.net.reader import Resumable
from engine.net.replay import Replay, cuda_graph, differ_in_rows_alone
from engine.spec import registry
from engine.spec.count import count
from engine.spec.run import RunSpec

VECTOR = 16
"""Numbers in the longest vector of a processor, in float32."""


class Batched(Resumable):
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
        self._augment = Augment(runs, x)
        self._running: dict[str, Tensor] = {}  # statistics of batch norms, which no gradient changes
        self._any_dropout = any(run.dropout > 0 for run in runs)
        self._x, self._y = x.flatten(0, 1), data.train.y.flatten(0, 1)
        self._first_row = data.which[:, None] * x.shape[1]
        self._replay = Replay(self.step, cuda_graph) if x.is_cuda and differ_in_rows_alone(runs) else None

    def steps(self, rows: Tensor, first: int) -> None:
        """Take steps on `rows` (steps, models, batch), on a GPU each as one launch where that is possible."""
        (self._replay.steps if self._replay else super().steps)(rows, first)

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
        x, mixture = self._augment(x, step, batch) if self._augment.any else (x, None)
        if mixture is not None and y.is_floating_point():
            y, mixture = mixture.of(y), None
        dropped = Dropout(self._runs, step) if self._any_dropout else None
        net = BatchedNet(self._runs, self.parameters, self.task.outputs, self._running, real=batch, dropped=dropped)
        logits = self._forward(net, x.transpose(1, 2))
        with torch.no_grad():  # the gradient of the mean loss
            grad = self._loss.grad(logits, y)
            if self._any_smoothing:  # a share of the target goes from the label to all classes
                grad.scatter_add_(1, y[:, None], self._smoothing.expand(-1, 1, batch + extra))
                grad -= self._smoothing / self.task.outputs
            if mixture is not None:  # and a share goes from the label to the label of the partner
                share = (1 - mixture.share[:, None]) * (1 - self._smoothing)
                grad.scatter_add_(1, y[:, None], share)
                grad.scatter_add_(1, mixture.partners(y)[:, None], -share)
            grad /= batch
            if extra:
                grad[:, :, batch:] = 0
        grads = torch.autograd.grad(logits, self._leaves, grad)
        self._optimizer.step(torch.cat([*(g.flatten(1) for g in grads), self._filling], dim=1), step)

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (models, classes, n) of x (models, n, inputs) in evaluation mode."""
        with torch.no_grad():
            net = BatchedNet(self._runs, self.parameters, self.task.outputs, self._running)
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

    def statistics(self) -> dict[str, Tensor]:
        """See Reader."""
        return {name: values.flatten(1) for name, values in self._running.items()}

    def changing(self) -> dict[str, Tensor]:
        """See Resumable."""
        running = {f"running.{name}": values for name, values in self._running.items()}
        return {"weights": self._weights} | self._optimizer.moments() | running

    def resume(self, arrays: Mapping[str, np.ndarray], step: int) -> None:
        """See Resumable."""
        for name, values in arrays.items():
            if name.startswith("running."):
                self._running[name.removeprefix("running.")] = self._weights.new_empty(values.shape)
        self._optimizer.resume(step)
        super().resume(arrays, step)
