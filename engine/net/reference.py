"""Reads an architecture as one plain PyTorch model: the oracle that every faster reader is tested against."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.data.rng import dropout_base, dropout_mask
from engine.net.device_data import DeviceData
from engine.net.initial import initial_values
from engine.net.lr_schedule import rate
from engine.net.parametrization import attention_factor, rate_factors
from engine.net.reader import Reader
from engine.net.reference_augment import augmented, mixed
from engine.spec import registry
from engine.spec.count import count
from engine.spec.run import RunSpec
from engine.spec.task import grid_dims

ACTIVATION = {
    "relu": torch.relu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "quadratic": torch.square,
}
CONVOLUTION = {1: F.conv1d, 2: F.conv2d}
POOL = {1: F.max_pool1d, 2: F.max_pool2d}
LOSS: "dict[str, Callable[[Tensor, Tensor], Tensor]]" = {
    "cross-entropy": F.cross_entropy,
    "mse": F.mse_loss,
    "hinge": lambda outputs, y: F.margin_ranking_loss(outputs, torch.zeros_like(outputs), y, margin=1.0),
    "sequence": lambda outputs, y: F.cross_entropy(outputs.reshape(y.numel(), -1), y.flatten()),
}
"""Torch's losses, means over examples and outputs or answers; ranking an output against 0 by 1 is the hinge loss."""


class ReferenceNet:
    """A Net over tensors of one model as torch.nn has them: (batch, units), (batch, steps, units) for sequences,
    (batch, channels, *grid) for convolutions.
    """

    def __init__(
        self, spec: RunSpec, parameters: dict[str, Tensor], outputs: int, step: int | None, running: dict[str, Tensor]
    ) -> None:
        self.spec, self.outputs = spec, outputs
        self._parameters, self._step, self._site, self._running = parameters, step, 0, running
        self._units_axis = -1

    def flat(self, x: Tensor) -> Tensor:
        """Return x, or its tokens one-hot."""
        tokens = self.spec.task.tokens
        return F.one_hot(x.long(), tokens).flatten(1).to(x) if tokens else x

    def grid(self, x: Tensor) -> Tensor:
        """Return channels over the grid."""
        self._units_axis = 1
        return x.mT if self.spec.task.tokens else x.unflatten(1, grid_dims(self.spec.task))

    def steps(self, x: Tensor) -> Tensor:
        """Return steps of units."""
        x = x.unflatten(1, grid_dims(self.spec.task))  # (batch, channels, steps, …)
        return x.transpose(1, 2).flatten(2)

    def linear(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return W x + b."""
        return F.linear(x, self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"])

    def convolution(self, name: str, x: Tensor, width: int, *, kernel: int = 3, bias: bool = True) -> Tensor:
        """Return x convolved."""
        biases = self._parameters[f"{name}.bias"] if bias else None
        return CONVOLUTION[x.dim() - 2](x, self._parameters[f"{name}.weight"], biases, padding=kernel // 2)

    def depthwise(self, name: str, x: Tensor) -> Tensor:
        """Return every channel convolved."""
        return CONVOLUTION[x.dim() - 2](x, self._parameters[f"{name}.weight"], padding=1, groups=x.shape[1])

    def max_pool(self, x: Tensor) -> Tensor:
        """Return x over half the grid, or x."""
        return POOL[x.dim() - 2](x, 2) if min(x.shape[2:]) >= 4 else x

    def batch_norm(self, name: str, x: Tensor) -> Tensor:
        """Return x normalised over batch and grid."""
        mean = self._running.setdefault(f"{name}.mean", x.new_zeros(x.shape[1]))
        variance = self._running.setdefault(f"{name}.variance", x.new_ones(x.shape[1]))
        scale, shift = self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"]
        return F.batch_norm(x, mean, variance, scale, shift, training=self._step is not None)

    def layer_norm(self, name: str, x: Tensor) -> Tensor:
        """Return x normalised over units."""
        return F.layer_norm(x, x.shape[-1:], self._parameters[f"{name}.weight"], self._parameters[f"{name}.bias"])

    def gru(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return the hidden states: torch.nn.GRU, the products with the inputs of all steps taken at once."""
        inputs, recurrent = self._gates(name, x)
        state, states = x.new_zeros(x.shape[0], width), []
        for step in range(x.shape[1]):
            reset_in, update_in, new_in = inputs[:, step].chunk(3, dim=1)
            reset_state, update_state, new_state = recurrent(state).chunk(3, dim=1)
            reset, update = torch.sigmoid(reset_in + reset_state), torch.sigmoid(update_in + update_state)
            new = torch.tanh(new_in + reset * new_state)
            state = (1 - update) * new + update * state
            states.append(state)
        return torch.stack(states, dim=1)

    def lstm(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return the hidden states: torch.nn.LSTM, the products with the inputs of all steps taken at once."""
        inputs, recurrent = self._gates(name, x)
        state = cell = x.new_zeros(x.shape[0], width)
        states = []
        for step in range(x.shape[1]):
            let_in, forget, new, let_out = (inputs[:, step] + recurrent(state)).chunk(4, dim=1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(let_in) * torch.tanh(new)
            state = torch.sigmoid(let_out) * torch.tanh(cell)
            states.append(state)
        return torch.stack(states, dim=1)

    def _gates(self, name: str, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return the input's share in every gate, (batch, steps, gates · width), and the function of the state's."""
        of_input, of_state, input_bias, state_bias = (
            self._parameters[f"{name}.{array}"] for array in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        return F.linear(x, of_input, input_bias), lambda state: F.linear(state, of_state, state_bias)

    def attention(self, x: Tensor, heads: int) -> Tensor:
        """Return causal attention, written out: torch's flop counter sees two batched products, full squares."""
        batch, steps, _ = x.shape
        queries, keys, values = x.view(batch, steps, 3, heads, -1).permute(2, 0, 3, 1, 4)
        units = queries.shape[-1]
        scores = queries @ keys.mT / (math.sqrt(units) / attention_factor(self.spec, heads, units))
        later = torch.ones(steps, steps, dtype=torch.bool, device=x.device).triu(1)
        shares = scores.masked_fill(later, -torch.inf).softmax(dim=-1)
        attended: Tensor = (shares @ values).transpose(1, 2).flatten(2)
        return attended

    def embedding(self, name: str, x: Tensor, width: int) -> Tensor:
        """Return the rows of tokens."""
        return F.embedding(x.long(), self._parameters[f"{name}.weight"])

    def positions(self, name: str, x: Tensor) -> Tensor:
        """Return x with each step's row added."""
        return x + self._parameters[f"{name}.weight"]

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Return x + y."""
        return x + y

    def mean(self, x: Tensor) -> Tensor:
        """Return the mean over steps or grid."""
        return x.movedim(self._units_axis, 1).flatten(2).mean(dim=2)

    def last(self, x: Tensor) -> Tensor:
        """Return the last step."""
        return x[:, -1]

    def ravel(self, x: Tensor) -> Tensor:
        """Return the numbers of every example, unit by unit."""
        return x.movedim(self._units_axis, 1).flatten(1)

    def activation(self, x: Tensor) -> Tensor:
        """Return the spec's nonlinearity of x."""
        return ACTIVATION[str(dict(self.spec.options)["activation"])](x)

    def dropout(self, x: Tensor) -> Tensor:
        """Return x with units dropped in training; x itself in evaluation. Units are numbered step by step."""
        if self._step is None or self.spec.dropout == 0:
            return x
        base = dropout_base(self.spec.seed, self._step, self._site)
        self._site += 1
        by_place = x.movedim(self._units_axis, -1)
        mask = torch.from_numpy(dropout_mask(base, len(x), by_place[0].numel(), self.spec.dropout)).to(x)
        return x * mask.view(by_place.shape).movedim(-1, self._units_axis) / (1 - self.spec.dropout)


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
        self._running: dict[str, Tensor] = {}  # statistics of batch norms, which no gradient changes
        self._optimizer = self._make_optimizer()
        self._gradient_norm = torch.tensor(math.nan)

    def _make_optimizer(self) -> torch.optim.Optimizer:
        spec, self._factors = self._spec, rate_factors(self._spec)
        if spec.optimizer == "sgd":
            groups: list[dict[str, Any]] = [{"params": [p]} for p in self.parameters.values()]
            return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum)
        groups = [  # torch decays by each group's rate; here by the run's
            {"params": [p], "weight_decay": spec.weight_decay / factor}
            for p, factor in zip(self.parameters.values(), self._factors, strict=True)
        ]
        return torch.optim.AdamW(groups, lr=spec.lr, betas=(spec.beta1, spec.beta2))

    def step(self, rows: Tensor, step: int) -> None:
        """Take optimizer step `step` on the examples `rows` (1, batch)."""
        spec = self._spec
        x, y = self._x[rows[0]], self._y[rows[0]]
        x, drawn = augmented(spec, x, step)
        if spec.mixup:  # of classes, the shares
            y = mixed(y if y.is_floating_point() else F.one_hot(y, self.task.outputs).to(x), drawn)
        net = ReferenceNet(spec, self.parameters, self.task.outputs, step, self._running)
        parameters = list(self.parameters.values())
        outputs = self._forward(net, x)
        if spec.label_smoothing:
            loss = F.cross_entropy(outputs, y, label_smoothing=spec.label_smoothing)
        else:
            loss = LOSS[self.task.loss](outputs, y)
        if spec.l1:
            loss = loss + spec.l1 * torch.stack([p.abs().sum() for p in parameters]).sum()
        if spec.l2:
            loss = loss + spec.l2 / 2 * torch.stack([p.square().sum() for p in parameters]).sum()
        self._optimizer.zero_grad()
        loss.backward()
        self._gradient_norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if spec.clip:
            torch.nn.utils.clip_grad_norm_(parameters, spec.clip)
        lr = rate(spec, step)
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = lr * factor
        if spec.optimizer == "sgd":  # torch's SGD has only L2 in the loss; here the decay is decoupled
            with torch.no_grad():
                for parameter in parameters:
                    parameter.mul_(1 - lr * spec.weight_decay)
        self._optimizer.step()

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (1, classes, n) of x (1, n, inputs) in evaluation mode."""
        with torch.no_grad():
            net = ReferenceNet(self._spec, self.parameters, self.task.outputs, None, self._running)
            return self._forward(net, x[0]).T[None]

    def norms(self) -> tuple[Tensor, Tensor]:
        """Return the norms of all parameters and of the last step's gradient, before clipping, each (1,) float64."""
        weights = torch.nn.utils.get_total_norm([p.detach() for p in self.parameters.values()])
        return weights[None].double(), self._gradient_norm.to(weights)[None].double()
