"""Counts the parameters and training FLOPs of an architecture from its shapes, exactly and without torch."""

import math
from dataclasses import dataclass, field
from functools import lru_cache

from engine.spec import registry
from engine.spec.knob import Value
from engine.spec.net import Model
from engine.spec.task import Task, flat_inputs, grid_dims, step_dims


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Stands for a tensor: its shape for one example, and whether gradients flow back into it."""

    dims: tuple[int, ...]
    """Units first: (units,), (units, steps) or (channels, *grid)."""
    needs_grad: bool = True

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.dims)


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One trainable array of an architecture."""

    name: str
    dims: tuple[int, ...]
    """(width, fan_in) for a weight, as torch.nn.Linear has it."""
    init: str = "uniform"
    """Initial values: "uniform" in ±1/sqrt(fan_in), "normal" with deviation 1, "zeros" or "ones"."""
    fan_in: int = 1
    """Number of inputs that one unit sums over."""
    embedding: bool = False
    """Whether it is a table of token or position embeddings."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The size of a model; see docs/conventions.md."""

    parameters: tuple[Parameter, ...]
    params: int
    """Number of trainable parameters."""
    params_non_embedding: int
    """The same without token and position embeddings."""
    flops_per_example: int
    """Matrix-multiply operations of one forward and backward pass for one example, a multiply-add as 2."""
    activations: int
    """Numbers that hidden layers write for one example in the forward pass, `copied` included."""
    copied: int
    """The part of them that convolutions copy, each grid point once per filter that sees it; the kernel copies none."""
    layers: int
    """Number of operations in sequence, the output layer not counted: each step of a recurrent layer is one."""


@dataclass
class CountNet:
    """A Net over shapes that records every parameter and operation."""

    spec: Model
    outputs: int
    parameters: list[Parameter] = field(default_factory=list)
    flops: int = 0
    activations: int = 0
    copied: int = 0
    layers: int = 0

    def flat(self, x: Shape) -> Shape:
        """Return the row of numbers."""
        return Shape(dims=(flat_inputs(self.spec.task),), needs_grad=False)

    def grid(self, x: Shape) -> Shape:
        """Return channels over the grid."""
        if self.spec.task.tokens:  # embedded before
            return x
        return Shape(dims=grid_dims(self.spec.task), needs_grad=False)

    def steps(self, x: Shape) -> Shape:
        """Return steps of units."""
        steps, units = step_dims(self.spec.task)
        return Shape(dims=(units, steps), needs_grad=False)

    def linear(self, name: str, x: Shape, width: int) -> Shape:
        """Count W x + b: 2·in·out forward, the same for W's gradient, and again for x's if it needs one."""
        fan_in = x.dims[0]
        self._uniform(name, fan_in, weight=(width, fan_in), bias=(width,))
        self.flops += 2 * x.size * width * (3 if x.needs_grad else 2)
        return self._written(Shape(dims=(width, *x.dims[1:])))

    def convolution(self, name: str, x: Shape, width: int, *, kernel: int = 3, bias: bool = True) -> Shape:
        """Count a product with every filter at every grid point, edges included, as `linear` does."""
        channels, *grid = x.dims
        return self._convolved(name, x, (width, channels, *[kernel] * len(grid)), bias)

    def depthwise(self, name: str, x: Shape) -> Shape:
        """Count a product with one filter per channel at every grid point, edges included."""
        channels, *grid = x.dims
        return self._convolved(name, x, (channels, 1, *[3] * len(grid)), bias=False)

    def max_pool(self, x: Shape) -> Shape:
        """Halve the grid."""
        if min(x.dims[1:]) < 4:
            return x
        return self._written(Shape(dims=(x.dims[0], *(side // 2 for side in x.dims[1:]))))

    def batch_norm(self, name: str, x: Shape) -> Shape:
        """Count scale and shift per channel; elementwise work is not counted."""
        return self._normalized(name, x)

    def layer_norm(self, name: str, x: Shape) -> Shape:
        """Count scale and shift per unit; elementwise work is not counted."""
        return self._normalized(name, x)

    def gru(self, name: str, x: Shape, width: int) -> Shape:
        """Count three gates per unit."""
        return self._recurrent(name, x, width, gates=3)

    def lstm(self, name: str, x: Shape, width: int) -> Shape:
        """Count four gates per unit."""
        return self._recurrent(name, x, width, gates=4)

    def attention(self, x: Shape, heads: int) -> Shape:
        """Count scores and sums over every pair of steps, hidden ones included, forward and for both gradients."""
        units, steps = x.dims[0] // 3, x.dims[1]
        self.flops += 3 * 2 * 2 * steps * steps * units
        self.activations += x.size + heads * steps * steps  # a copy head by head; the scores
        return self._written(Shape(dims=(units, steps)))

    def embedding(self, name: str, x: Shape, width: int) -> Shape:
        """Count the table; a look-up is not a multiplication."""
        dims = (self.spec.task.tokens, width)
        self.parameters.append(Parameter(name=f"{name}.weight", dims=dims, init="normal", embedding=True))
        return self._written(Shape(dims=(width, *x.dims)))

    def positions(self, name: str, x: Shape) -> Shape:
        """Count the table."""
        self.parameters.append(Parameter(name=f"{name}.weight", dims=x.dims[::-1], init="normal", embedding=True))
        return self._written(x)

    def add(self, x: Shape, y: Shape) -> Shape:
        """Keep the shape."""
        return self._written(x)

    def mean(self, x: Shape) -> Shape:
        """Keep the units."""
        return Shape(dims=x.dims[:1])

    def last(self, x: Shape) -> Shape:
        """Keep the units."""
        return Shape(dims=x.dims[:1])

    def ravel(self, x: Shape) -> Shape:
        """Keep the numbers."""
        return Shape(dims=(x.size,))

    def activation(self, x: Shape) -> Shape:
        """Keep the shape; elementwise work is not counted."""
        return x

    def dropout(self, x: Shape) -> Shape:
        """Keep the shape; elementwise work is not counted."""
        return x

    def _uniform(self, name: str, fan_in: int, **arrays: tuple[int, ...]) -> None:
        """Declare arrays of uniform initial values."""
        self.parameters += [
            Parameter(name=f"{name}.{array}", dims=dims, fan_in=fan_in) for array, dims in arrays.items()
        ]

    def _written(self, x: Shape) -> Shape:
        """Return x as the result of an operation that wrote it."""
        self.activations += x.size
        self.layers += 1
        return x

    def _convolved(self, name: str, x: Shape, filters: tuple[int, ...], bias: bool) -> Shape:
        """Count `filters` (width, channels seen, *kernel) at every grid point."""
        out = Shape(dims=(filters[0], *x.dims[1:]))
        terms = math.prod(filters[1:])
        biases = {"bias": filters[:1]} if bias else {}
        self._uniform(name, terms, weight=filters, **biases)
        self.flops += 2 * terms * out.size * (3 if x.needs_grad else 2)
        if taps := math.prod(filters[2:]) - 1:
            self.copied += (taps + 1) * x.size  # what each filter sees, copied for a matrix product
        return self._written(out)

    def _normalized(self, name: str, x: Shape) -> Shape:
        """Declare scale and shift, one per unit."""
        for array, init in (("weight", "ones"), ("bias", "zeros")):
            self.parameters.append(Parameter(name=f"{name}.{array}", dims=x.dims[:1], init=init))
        return self._written(x)

    def _recurrent(self, name: str, x: Shape, width: int, gates: int) -> Shape:
        """Count products with the input at every step and with the state before it, which is 0 and has no gradient
        at the first step.
        """
        units, steps = x.dims
        rows = gates * width
        shapes = {"weight_ih": (rows, units), "weight_hh": (rows, width), "bias_ih": (rows,), "bias_hh": (rows,)}
        self._uniform(name, width, **shapes)
        self.flops += 2 * rows * x.size * (3 if x.needs_grad else 2) + 2 * rows * width * (3 * steps - 1)
        self.activations += 3 * rows * steps  # products with input and state, and the gates
        self.layers += steps - 1
        return self._written(Shape(dims=(width, steps)))


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    """All that counts depend on: runs of any seed share one entry of the cache."""

    arch: str
    width: int
    depth: int
    options: tuple[tuple[str, Value], ...]
    task: Task


def count(model: Model) -> Counts:
    """Return the parameters and the FLOPs of `model`, e.g. of a RunSpec."""
    return _count(_Sizes(arch=model.arch, width=model.width, depth=model.depth, options=model.options, task=model.task))


@lru_cache(maxsize=20_000)
def _count(model: _Sizes) -> Counts:
    net = CountNet(spec=model, outputs=model.task.outputs)
    registry.arch(model.arch).forward(net, Shape(dims=(model.task.inputs,), needs_grad=False))
    return Counts(
        parameters=tuple(net.parameters),
        params=sum(math.prod(p.dims) for p in net.parameters),
        params_non_embedding=sum(math.prod(p.dims) for p in net.parameters if not p.embedding),
        flops_per_example=net.flops,
        activations=net.activations + net.copied - net.outputs,
        copied=net.copied,
        layers=net.layers - 1,
    )
