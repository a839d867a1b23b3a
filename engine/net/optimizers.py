"""Optimizers over the flat weights (models, numbers) of a bucket: every model has its own rates."""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from engine.spec import RunSpec

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
"""Adam's constants. Source: Kingma & Ba 2014, arXiv:1412.6980, §2; decoupled decay arXiv:1711.05101."""


class Optimizer:
    """AdamW or SGD with momentum, decoupled weight decay and L1, for all models of a bucket."""

    def __init__(self, runs: tuple[RunSpec, ...], weights: Tensor) -> None:
        """`weights` (models, numbers) are changed in place; numbers divide by 16, see Batched."""
        self._weights = weights
        self._l1 = _column([run.l1 for run in runs], weights) if any(run.l1 > 0 for run in runs) else None
        self._rule = (_AdamW if runs[0].optimizer == "adamw" else _SGD)(runs, weights)

    @torch.no_grad()
    def step(self, gradients: Tensor) -> None:
        """Update the weights by `gradients`, of their shape."""
        if self._l1 is not None:
            gradients = gradients + self._l1 * self._weights.sign()
        self._rule.step(gradients)


class _AdamW:
    """One fused call per stretch of models with equal rates."""

    def __init__(self, runs: tuple[RunSpec, ...], weights: Tensor) -> None:
        self._mean, self._square = torch.zeros_like(weights), torch.zeros_like(weights)
        self._taken = torch.zeros((), dtype=torch.float32, device=weights.device)
        self._weights = weights
        self._stretches = _stretches([(run.lr, run.weight_decay) for run in runs])

    def step(self, gradients: Tensor) -> None:
        """Take one AdamW step."""
        self._taken += 1
        for (lr, decay), models in self._stretches:
            torch._fused_adamw_(
                [self._weights[models]],
                [gradients[models]],
                [self._mean[models]],
                [self._square[models]],
                [],
                [self._taken],
                lr=lr,
                beta1=BETA1,
                beta2=BETA2,
                weight_decay=decay,
                eps=EPS,
                amsgrad=False,
                maximize=False,
            )


class _SGD:
    """Momentum as torch.optim.SGD has it: the first buffer is the gradient itself."""

    def __init__(self, runs: tuple[RunSpec, ...], weights: Tensor) -> None:
        self._weights = weights
        self._momentum = _column([run.momentum for run in runs], weights)
        self._lr = _column([run.lr for run in runs], weights)
        self._kept = _column([1 - run.lr * run.weight_decay for run in runs], weights)
        self._velocity = torch.zeros_like(weights)

    def step(self, gradients: Tensor) -> None:
        """Take one step of SGD with momentum and decoupled weight decay."""
        self._velocity.mul_(self._momentum).add_(gradients)
        self._weights.mul_(self._kept).sub_(self._velocity * self._lr)


def _stretches(rates: Sequence[tuple[float, float]]) -> list[tuple[tuple[float, float], slice]]:
    """Return each stretch of equal neighbours with the slice of models that it spans."""
    found, start = [], 0
    for rate, members in groupby(rates):
        stop = start + len(list(members))
        found.append((rate, slice(start, stop)))
        start = stop
    return found


def _column(values: list[float], weights: Tensor) -> Tensor:
    """Return `values`, one per model, as a column beside `weights`."""
    return torch.tensor(values, dtype=weights.dtype, device=weights.device)[:, None]
