"""Reads an architecture as shapes: parameters and training FLOPs, exact, without torch."""

import math
from dataclasses import dataclass, field
from functools import lru_cache

from engine import registry
from engine.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Stands for a tensor: its shape for one example, and whether gradients flow back into it."""

    dims: tuple[int, ...]
    needs_grad: bool = True


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One trainable array of an architecture."""

    name: str
    dims: tuple[int, ...]
    """(width, fan_in) for a weight, as torch.nn.Linear has it."""
    fan_in: int
    """Inputs that one unit sums over; initial values are uniform in ±1/sqrt(fan_in)."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The size of a model; see README, "Conventions"."""

    parameters: tuple[Parameter, ...]
    params: int
    """All trainable numbers."""
    params_non_embedding: int
    """Without token and position embeddings."""
    flops_per_example: int
    """Matrix-multiply operations of one forward and backward pass for one example, a multiply-add as 2."""


@dataclass
class CountNet:
    """A Net over shapes that writes down every parameter and operation."""

    spec: RunSpec
    outputs: int
    parameters: list[Parameter] = field(default_factory=list)
    flops: int = 0

    def linear(self, name: str, x: Shape, width: int) -> Shape:
        """Count W x + b: 2·in·out forward, as much for W's gradient, and again for x's where it has one."""
        fan_in = x.dims[-1]
        self.parameters += [
            Parameter(name=f"{name}.weight", dims=(width, fan_in), fan_in=fan_in),
            Parameter(name=f"{name}.bias", dims=(width,), fan_in=fan_in),
        ]
        self.flops += 2 * fan_in * width * (3 if x.needs_grad else 2)
        return Shape(dims=(*x.dims[:-1], width))

    def activation(self, x: Shape) -> Shape:
        """Keep the shape; elementwise work is not counted."""
        return x

    def dropout(self, x: Shape) -> Shape:
        """Keep the shape; elementwise work is not counted."""
        return x


@lru_cache(maxsize=20_000)
def count(spec: RunSpec) -> Counts:
    """Return the parameters and the FLOPs of the model that `spec` describes."""
    net = CountNet(spec=spec, outputs=spec.task.outputs)
    registry.arch(spec.arch).forward(net, Shape(dims=(spec.task.inputs,), needs_grad=False))
    params = sum(math.prod(p.dims) for p in net.parameters)
    return Counts(
        parameters=tuple(net.parameters), params=params, params_non_embedding=params, flops_per_example=net.flops
    )


def train_flops(spec: RunSpec) -> int:
    """Return the FLOPs of the whole training: flops_per_example × batch × steps."""
    return count(spec).flops_per_example * spec.batch * spec.steps
