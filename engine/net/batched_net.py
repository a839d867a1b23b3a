"""A Net over all models of a bucket at once.

Activations lie as (models, units, *places, rows); places are steps or a grid. The rows of a batch are last, so that
softmax runs along vectors of rows and weight gradients multiply wide matrices: on a CPU three times faster than
units last.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.base.language import _
from engine.data.rng import dropout_base, dropout_threshold
from engine.net.functions import convolved, pair_maximum, standardized
from engine.net.numerics import NORM_EPS, NORM_MOMENTUM
from engine.net.parametrization import attention_factor
from engine.spec.run import RunSpec
from engine.spec.task import grid_dims

ACTIVATION = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "quadratic": torch.square,
}


class BatchedNet:
    """A Net over tensors (models, units, *places, rows)."""

    def __init__(
        self,
        runs: tuple[RunSpec, ...],
        parameters: dict[str, Tensor],
        outputs: int,
        running: dict[str, Tensor],
        *,
        real: int | None = None,
        dropped: "Dropout | None" = None,
    ) -> None:
        """`running` holds the statistics of batch norms; `real` rows come before the padding, None in evaluation."""
        self.spec, self._runs, self.outputs = runs[0], runs, outputs
        self._parameters, self._running, self._real, self._dropped = parameters, running, real, dropped

    def flat(self, x: Tensor) -> Tensor:
        """Return x, or its tokens one-hot."""
        if not (tokens := self.spec.task.tokens):
            return x
        hot = torch.arange(tokens, device=x.device, dtype=x.dtype)[:, None] == x[:, :, None]
        return hot.flatten(1, 2).to(x)

    def grid(self, x: Tensor) -> Tensor:
        """Return channels over the grid."""
        return x if self.spec.task.tokens else x.contiguous().unflatten(1, grid_dims(self.spec.task))

    def steps(self, x: Tensor) -> Tensor:
        """Return units by steps."""
        x = x.contiguous().unflatten(1, grid_dims(self.spec.task))  # (models, channels, steps, …, rows)
        return x if x.dim() == 4 else x.transpose(2, 3).contiguous().flatten(1, 2)

    def linear(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return W x + b for every model."""
        weight, bias = self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"]
        if x.dim() == 3:
            return _product(weight, x, bias)
        return _product(weight, x.flatten(2), bias).view(len(x), width, *x.shape[2:])

    def convolution(self, name: str, x: Tensor, width: int, *, kernel: int = 3, bias: bool = True) -> Tensor:
        """Return x convolved."""
        weight = self._parameters[f"{name}.weight"]
        biases = self._parameters[f"{name}.bias"] if bias else None
        if kernel == 3:
            return convolved(x, weight, biases)
        return _product(weight.flatten(2), x.flatten(2), biases).view(len(x), width, *x.shape[2:])

    def depthwise(self, name: str, x: Tensor) -> Tensor:
        """Return every channel convolved: as if each were a model of one channel."""
        weight = self._parameters[f"{name}.weight"].flatten(0, 1)[:, None]
        return convolved(x.flatten(0, 1)[:, None], weight, None).view(x.shape)

    def max_pool(self, x: Tensor) -> Tensor:
        """Return x over half the grid, or x."""
        if min(x.shape[2:-1]) < 4:
            return x
        for axis in range(x.dim() - 2, 1, -1):
            x = pair_maximum(x, axis)
        return x

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        """Return x normalised over batch and grid, each model by its own statistics."""
        first = x[:, :, :1, :1].flatten(2)[:, :, :1].detach()
        mean = self._running.setdefault(f"{name}.mean", torch.zeros_like(first))
        variance = self._running.setdefault(f"{name}.variance", torch.ones_like(first))
        if self._real is None:
            shape = (*mean.shape[:2], *[1] * (x.dim() - 2))
            return self._scaled(name, (x - mean.view(shape)) * torch.rsqrt(variance.view(shape) + NORM_EPS))
        numbers = x[0, 0, ..., : self._real].numel()
        if numbers == 1:
            raise ValueError(
                _("batch_norm=on has one number per channel to normalise by; allowed: a batch_size of 2 or more.")
            )
        axes = tuple(range(2, x.dim()))
        x, new_mean, new_variance = standardized(x, axes, self._real, NORM_EPS)
        with torch.no_grad():
            mean.lerp_(new_mean.view_as(mean), NORM_MOMENTUM)
            variance.lerp_(new_variance.view_as(mean) * (numbers / (numbers - 1)), NORM_MOMENTUM)
        return self._scaled(name, x)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        """Return x normalised over units."""
        return self._scaled(name, standardized(x, (1,), x.shape[-1], NORM_EPS)[0])

    def _scaled(self, name: str, x: Tensor) -> Tensor:
        """Return x scaled and shifted per unit."""
        shape = (*x.shape[:2], *[1] * (x.dim() - 2))
        scale, shift = (self._parameters[f"{name}.{array}"].view(shape) for array in ("weight", "bias"))
        return torch.addcmul(shift, x, scale)

    def gru(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return the hidden states; the products with the inputs of all steps are one."""
        inputs, weight, bias = self._gates(name, x)
        state, states = x.new_zeros(len(x), width, x.shape[-1]), []
        for of_input in inputs:
            of_state = _product(weight, state, bias)
            reset, update = torch.sigmoid(of_input[:, : 2 * width] + of_state[:, : 2 * width]).chunk(2, dim=1)
            new = torch.tanh(torch.addcmul(of_input[:, 2 * width :], reset, of_state[:, 2 * width :]))
            state = torch.lerp(new, state, update)
            states.append(state)
        return torch.stack(states, dim=2)

    def lstm(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return the hidden states; the products with the inputs of all steps are one."""
        inputs, weight, bias = self._gates(name, x)
        state = cell = x.new_zeros(len(x), width, x.shape[-1])
        states = []
        for of_input in inputs:
            gates = _product(weight, state, bias) + of_input
            let_in, forget = torch.sigmoid(gates[:, : 2 * width]).chunk(2, dim=1)
            new, let_out = torch.tanh(gates[:, 2 * width : 3 * width]), torch.sigmoid(gates[:, 3 * width :])
            cell = torch.addcmul(forget * cell, let_in, new)
            state = let_out * torch.tanh(cell)
            states.append(state)
        return torch.stack(states, dim=2)

    def _gates(self, name: str, x: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
        """Return the input's share in every gate, step by step, and weight and bias of the state's."""
        of_input, of_state, input_bias, state_bias = (
            self._parameters[f"{name}.{array}"] for array in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        inputs = _product(of_input, x.flatten(2), input_bias).unflatten(2, x.shape[2:])
        return inputs.unbind(2), of_state, state_bias

    def attention(self, x: Tensor, heads: int) -> Tensor:
        """Return causal attention; every row of every model is one of torch's batch."""
        models, _, steps, rows = x.shape
        by_head = x.view(models, 3, heads, -1, steps, rows).permute(1, 0, 5, 2, 4, 3)  # steps by units at the end
        # Always a copy: where a view would do, with one model and one head, torch multiplies by another path.
        queries, keys, values = by_head.contiguous().view(3, models * rows, heads, steps, -1)
        if any(run.width_rule != "standard" for run in self._runs):
            factors = [attention_factor(run, heads, queries.shape[-1]) for run in self._runs]
            queries = queries * x.new_tensor(factors).repeat_interleave(rows)[:, None, None, None]
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        by_unit = attended.view(models, rows, heads, steps, -1).permute(0, 2, 4, 3, 1).contiguous()
        return by_unit.view(models, -1, steps, rows)

    def embedding(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return the rows of tokens, each model's from its own table."""
        table = self._parameters[f"{name}.weight"]
        first = torch.arange(len(x), device=x.device)[:, None, None] * table.shape[1]
        return F.embedding(x.long() + first, table.flatten(0, 1)).permute(0, 3, 1, 2).contiguous()

    def positions(self, name: str, x: Tensor) -> Tensor:
        """Return x with each step's row added."""
        return x + self._parameters[f"{name}.weight"].mT[..., None]

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x + y."""
        return x + y

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean over steps or grid."""
        return x.flatten(2, -2).mean(dim=2)

    def last(self, x: Tensor) -> Tensor:
        """Return the last step."""
        return x[:, :, -1]

    def ravel(self, x: Tensor) -> Tensor:
        """Return the numbers of every example, unit by unit."""
        return x.flatten(1, -2)

    def activation(self, x: Tensor) -> Tensor:
        """Return the spec's nonlinearity of x; x stays as it is, for an architecture may use it again."""
        return ACTIVATION[str(dict(self.spec.options)["activation"])](x)

    def dropout(self, x: Tensor) -> Tensor:
        """Return x with each model's share of units dropped in training; x itself in evaluation."""
        return x if self._dropped is None else self._dropped(x)


def _product(weight: Tensor, x: Tensor, bias: Tensor | None) -> Tensor:
    """Return W x + b for every model, of x (models, units, n)."""
    if x.shape[1] == 1:  # one model's weight gradient would be a matrix times a vector, rounded by another path
        return weight * x if bias is None else torch.addcmul(bias[:, :, None], weight, x)
    return torch.bmm(weight, x) if bias is None else torch.baddbmm(bias[:, :, None], weight, x)


class Dropout:
    """The masks of one training step: a hash of (seed, step, site, row, unit), the same in any bucket."""

    def __init__(self, runs: tuple[RunSpec, ...], step: int) -> None:
        self._runs, self._step, self._site = runs, step, 0

    def __call__(self, x: Tensor) -> Tensor:
        """Return x (models, units, *places, rows) with units dropped, numbered place by place, and the rest scaled."""
        models, units, rows = x.shape[0], x.shape[1], x.shape[-1]
        bases = [dropout_base(run.seed, self._step, self._site) for run in self._runs]
        self._site += 1
        rates = np.array([run.dropout for run in self._runs])
        places = x[0, 0, ..., 0].numel()
        unit = torch.arange(places, device=x.device) * units + torch.arange(units, device=x.device)[:, None]
        place = torch.arange(rows, device=x.device) * (units * places) + unit[..., None]
        h = hashed(place.flatten(0, 1) + torch.tensor(bases, device=x.device)[:, None, None])
        thresholds = torch.tensor([dropout_threshold(rate) for rate in rates], device=x.device)
        scale = torch.tensor(1 / (1 - rates), device=x.device, dtype=x.dtype)
        mask = (h >= thresholds[:, None, None]) * scale[:, None, None]
        return x * mask.view(models, units, *x.shape[2:])


def hashed(x: Tensor) -> Tensor:
    """Return the 32-bit hash of data/rng.py of each whole number of x, a new tensor."""
    h = x & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        h ^= h >> shift
        h *= factor  # wraps in 64 bits; the low 32 are right
        h &= 0xFFFFFFFF
    h ^= h >> 16
    return h
