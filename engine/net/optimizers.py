"""Optimizers over the flat weights (models, numbers) of a bucket: every model has its own rates."""

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from engine.net.lr_schedule import rate
from engine.net.numerics import ADAM_EPS, CLIP_EPS
from engine.net.parametrization import rate_factors
from engine.spec.count import count
from engine.spec.run import RunSpec


class Optimizer:
    """AdamW or SGD with momentum, decoupled weight decay, L1, L2 and clipping, for all models of a bucket."""

    def __init__(self, runs: tuple[RunSpec, ...], weights: Tensor) -> None:
        """`weights` (models, numbers) are changed in place; numbers divide by 16, see Batched."""
        self.gradients = weights.new_full((), math.nan).expand(weights.shape)
        """Gradients of the loss with its penalties in the last step, before clipping; NaN before the first."""
        self._weights = weights
        self._l1 = _column([run.l1 for run in runs], weights) if any(run.l1 > 0 for run in runs) else None
        self._l2 = _column([run.l2 for run in runs], weights) if any(run.l2 > 0 for run in runs) else None
        # What is not clipped is multiplied by exactly 1, however long it is.
        self._clip = (
            _column([run.clip or math.inf for run in runs], weights) if any(run.clip > 0 for run in runs) else None
        )
        self._rule = (_AdamW if runs[0].optimizer == "adamw" else _SGD)(runs, weights)

    @torch.no_grad()
    def step(self, gradients: Tensor, step: int) -> None:
        """Update the weights by `gradients`, of their shape, of the loss without penalties, in step `step` from 1."""
        if self._l1 is not None:
            gradients = gradients + self._l1 * self._weights.sign()
        if self._l2 is not None:
            gradients = gradients + self._l2 * self._weights
        self.gradients = gradients
        if self._clip is not None:
            norm = torch.linalg.vector_norm(gradients, dim=1, keepdim=True)
            share = self._clip / (norm + CLIP_EPS)
            gradients = gradients * torch.where(share < 1, share, 1)
        self._rule.step(gradients, step)

    def moments(self) -> dict[str, Tensor]:
        """Return what the rule remembers of earlier gradients, (models, numbers) by name: the tensors themselves."""
        return self._rule.moments()

    def resume(self, step: int) -> None:
        """Go on after step `step`."""
        self._rule.resume(step)


class _AdamW:
    """One fused call per stretch of models with equal rates; rates that differ within a model take several."""

    def __init__(self, runs: tuple[RunSpec, ...], weights: Tensor) -> None:
        self._mean, self._square = torch.zeros_like(weights), torch.zeros_like(weights)
        self._taken = torch.zeros((), dtype=torch.float32, device=weights.device)
        self._weights = weights
        self._stretches = [(run, models, _factors(run, weights)) for run, models in _stretches(runs)]

    def step(self, gradients: Tensor, step: int) -> None:
        """Take one AdamW step."""
        self._taken += 1
        for run, models, factors in self._stretches:
            if factors is not None:
                self._step_by_factors(run, models, factors, gradients[models], step)
                continue
            torch._fused_adamw_(
                [self._weights[models]],
                [gradients[models]],
                [self._mean[models]],
                [self._square[models]],
                [],
                [self._taken],
                lr=rate(run, step),
                beta1=run.beta1,
                beta2=run.beta2,
                weight_decay=run.weight_decay,
                eps=ADAM_EPS,
                amsgrad=False,
                maximize=False,
            )

    def moments(self) -> dict[str, Tensor]:
        """See Optimizer."""
        return {"mean": self._mean, "square": self._square}

    def resume(self, step: int) -> None:
        """See Optimizer."""
        self._taken.fill_(step)

    def _step_by_factors(self, run: RunSpec, models: slice, factors: Tensor, gradients: Tensor, step: int) -> None:
        """Take the step of one stretch, each number at its own rate; how far weights decay is the same for all."""
        lr = rate(run, step)
        mean, square, weights = self._mean[models], self._square[models], self._weights[models]
        mean.mul_(run.beta1).add_(gradients * (1 - run.beta1))
        square.mul_(run.beta2).add_(gradients.square() * (1 - run.beta2))
        length = (square / (1 - run.beta2**step)).sqrt_().add_(ADAM_EPS)
        weights.mul_(1 - lr * run.weight_decay).sub_(mean / length * (factors * (lr / (1 - run.beta1**step))))


class _SGD:
    """Momentum as torch.optim.SGD has it: the first buffer is the gradient itself."""

    def __init__(self, runs: tuple[RunSpec, ...], weights: Tensor) -> None:
        self._runs, self._weights = runs, weights
        self._momentum = _column([run.momentum for run in runs], weights)
        self._velocity = torch.zeros_like(weights)
        factors = [_factors(run, weights) for run in runs]
        self._factors: Tensor | None = None
        if any(one is not None for one in factors):
            ones = weights.new_ones(weights.shape[1])
            self._factors = torch.stack([ones if one is None else one for one in factors])
        self._changing = any(run.schedule != "constant" or run.warmup > 0 for run in runs)
        self._set_rates(1)

    def step(self, gradients: Tensor, step: int) -> None:
        """Take one step of SGD with momentum and decoupled weight decay."""
        if self._changing:
            self._set_rates(step)
        self._velocity.mul_(self._momentum).add_(gradients)
        self._weights.mul_(self._decay).sub_(self._velocity * self._lr)

    def moments(self) -> dict[str, Tensor]:
        """See Optimizer."""
        return {"velocity": self._velocity}

    def resume(self, step: int) -> None:
        """See Optimizer: the rates of a step come from its number alone."""

    def _set_rates(self, step: int) -> None:
        rates = [rate(run, step) for run in self._runs]
        self._lr = _column(rates, self._weights)
        if self._factors is not None:
            self._lr = self._lr * self._factors
        decays = zip(rates, self._runs, strict=True)
        self._decay = _column([1 - lr * run.weight_decay for lr, run in decays], self._weights)


def _stretches(runs: Sequence[RunSpec]) -> list[tuple[RunSpec, slice]]:
    """Return each stretch of neighbours with equal rates: the first of them, and the slice that they span."""

    def rates_of(run: RunSpec) -> tuple[object, ...]:
        rates = (run.lr, run.schedule, run.final_lr, run.warmup, run.weight_decay, run.beta1, run.beta2)
        return (*rates, run.width_rule, run.base_width)

    found, start = [], 0
    for _, members in groupby(runs, key=rates_of):
        first, *others = members
        stop = start + 1 + len(others)
        found.append((first, slice(start, stop)))
        start = stop
    return found


def _factors(run: RunSpec, weights: Tensor) -> Tensor | None:
    """Return the factor of the learning rate of each number of a model, (numbers,); None where all are 1."""
    if run.width_rule == "standard":
        return None
    sizes = [math.prod(parameter.dims) for parameter in count(run).parameters]
    each = np.repeat(rate_factors(run), sizes)
    return weights.new_tensor(np.pad(each, (0, weights.shape[1] - len(each))))


def _column(values: list[float], weights: Tensor) -> Tensor:
    """Return `values`, one per model, as a column beside `weights`."""
    return torch.tensor(values, dtype=weights.dtype, device=weights.device)[:, None]
