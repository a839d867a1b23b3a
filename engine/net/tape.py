"""Reads an architecture as a tape: the list of operations that the C++ kernel follows, without torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NoReturn

from engine import registry
from engine.knob import knobs_of
from engine.net.views import grid_dims, step_dims
from engine.net.workspace import Line, Value, Workspace, filled, stride_of
from engine.spec import RunSpec

BLOCK = 64
"""Rows evaluated at a time, as in tape.h."""

KINDS = (
    *("linear", "relu", "gelu", "tanh", "sigmoid", "quadratic", "dropout", "add"),
    *("mean", "last", "one_hot", "embedding"),
    *("convolution", "depthwise", "max_pool", "batch_norm", "ravel", "gru", "lstm"),
)
"""In the order of FAMILIES in kernel.cpp."""

AT_DEFAULT = ("shift", "rotate", "augment_noise", "mixup", "width_rule")
"""Settings that the kernel follows at their defaults alone."""


class UnknownOperationError(Exception):
    """The kernel cannot follow this architecture; another reader can."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a parameter lies among a model's numbers: its first dimension as rows, `stride` apart."""

    at: int
    stride: int
    dims: tuple[int, ...]
    """Of one dimension: one row."""


@dataclass(frozen=True, kw_only=True)
class Tape:
    """What to do with a batch (inputs, rows), in the order of tape.h."""

    operations: tuple[int, ...]
    values: tuple[int, ...]
    count: int
    """Operations."""
    space: int
    """Numbers of the workspace."""
    scratch: int
    """Numbers that one operation needs while it works, at most."""
    widest: int
    """Most units that a value has."""
    numbers: int
    """Of a model, filling included."""
    parameters: dict[str, Place]
    running: tuple[float, ...]
    """Where the numbers of a model begin that no gradient changes."""
    statistics: dict[str, tuple[int, int]]
    """Of these, the first of each kind, and how many there are: one per unit."""
    input_stride: int
    """How far apart the inputs (inputs, rows) lie."""
    order: tuple[int, ...] | None
    """The numbers of an example, in the order in which they are read; None: as they are."""


@dataclass(kw_only=True)
class TapeNet:
    """A Net over Values that writes down every operation."""

    spec: RunSpec
    outputs: int
    training: bool
    lines: list[Line] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    parameters: dict[str, Place] = field(default_factory=dict)
    numbers: int = 0
    running: tuple[float, ...] = ()
    statistics: dict[str, tuple[int, int]] = field(default_factory=dict)
    sites: int = 0
    orders: set[tuple[int, ...] | None] = field(default_factory=set)
    """In which the numbers of an example are read, as in Tape."""

    @property
    def rows(self) -> int:
        """Rows that are worked on at a time, filled up."""
        return filled(self.spec.batch) if self.training else BLOCK

    def examples(self, units: int, places: tuple[int, ...] = (), order: tuple[int, ...] | None = None) -> Value:
        """Return the examples, read in an order, as units by places."""
        self.orders.add(order)
        return self._value(units, places, maker=-1)

    def flat(self, x: Value) -> Value:
        """Return the examples as they lie, or write down their tokens as rows of 0 and 1."""
        if not (tokens := self.spec.task.tokens):
            return self.examples(x.units)
        return self._write("one_hot", self.examples(x.units), units=tokens * x.units, details=(tokens,))

    def grid(self, x: Value) -> Value:
        """Return the examples as channels over the grid; tokens are embedded before."""
        if self.spec.task.tokens:
            return x
        channels, *grid = grid_dims(self.spec.task)
        return self.examples(channels, tuple(grid))

    def steps(self, x: Value) -> Value:
        """Return the examples as units by steps: an image's rows one after the other."""
        _, *grid = grid_dims(self.spec.task)
        steps, units = step_dims(self.spec.task)
        if len(grid) == 1:
            return self.examples(units, (steps,))
        columns = grid[1]
        order = tuple(
            (unit // columns * steps + step) * columns + unit % columns
            for unit in range(units)
            for step in range(steps)
        )
        return self.examples(units, (steps,), order)

    def linear(self, name: str, x: Value, width: int) -> Value:
        """Write down W x + b at every place."""
        parameters = (self._parameter(f"{name}.weight", width, x.units), self._parameter(f"{name}.bias", width))
        turned = self._turned(x)
        return self._write("linear", x, units=width, places=x.places, parameters=parameters, scratch=turned)

    def convolution(self, name: str, x: Value, width: int, *, kernel: int = 3, bias: bool = True) -> Value:
        """Write down a filter per channel; of one place, it is a linear layer at every place."""
        weight = self._parameter(f"{name}.weight", width, x.units, *[kernel] * len(x.places))
        parameters = (weight, self._parameter(f"{name}.bias", width)) if bias else (weight,)
        if kernel == 3:
            details = _grid_details(x)
            return self._write("convolution", x, units=width, places=x.places, parameters=parameters, details=details)
        turned = self._turned(x)
        return self._write("linear", x, units=width, places=x.places, parameters=parameters, scratch=turned)

    def depthwise(self, name: str, x: Value) -> Value:
        """Write down every channel's own filter."""
        weight = self._parameter(f"{name}.weight", x.units, 1, *[3] * len(x.places))
        return self._write("depthwise", x, places=x.places, parameters=(weight,), details=_grid_details(x))

    def max_pool(self, x: Value) -> Value:
        """Write down halving the grid; x itself where a side is shorter than 4."""
        if min(x.places) < 4:
            return x
        return self._write("max_pool", x, places=tuple(side // 2 for side in x.places), details=_grid_details(x))

    def batch_norm(self, name: str, x: Value) -> Value:
        """Write down the norm over the batch, its scale and shift, and give its running statistics a place."""
        if self.training and self.spec.batch * math.prod(x.places) == 1:
            raise UnknownOperationError("batch_norm of a single number")
        parameters = (self._parameter(f"{name}.weight", x.units), self._parameter(f"{name}.bias", x.units))
        first, units = len(self.running), filled(x.units)
        self.running += (0.0,) * units + (1.0,) * units
        self.statistics |= {f"{name}.mean": (first, x.units), f"{name}.variance": (first + units, x.units)}
        kept = 2 * units
        return self._write("batch_norm", x, places=x.places, parameters=parameters, details=(first,), kept=kept)

    def activation(self, x: Value) -> Value:
        """Write down the spec's nonlinearity."""
        kind = str(dict(self.spec.options)["activation"])
        return self._write(kind, x, places=x.places, kept=0 if kind == "relu" else self._numbers_of(x))

    def dropout(self, x: Value) -> Value:
        """Write down the site in training; x itself where nothing is dropped."""
        if not self.training or self.spec.dropout == 0:
            return x
        self.sites += 1
        return self._write("dropout", x, places=x.places, details=(self.sites - 1,), kept=self._numbers_of(x))

    def add(self, x: Value, y: Value) -> Value:
        """Write down x + y."""
        return self._write("add", x, y, places=x.places)

    def mean(self, x: Value) -> Value:
        """Write down the mean over all places."""
        return self._write("mean", x)

    def last(self, x: Value) -> Value:
        """Write down the last step."""
        return self._write("last", x)

    def ravel(self, x: Value) -> Value:
        """Write down all places end to end, unit by unit."""
        return self._write("ravel", x, units=x.units * math.prod(x.places))

    def embedding(self, name: str, x: Value, width: int) -> Value:
        """Write down the rows of a table, one place per token."""
        tokens = self.spec.task.tokens
        table, x = self._parameter(f"{name}.weight", tokens, width), self.examples(x.units)
        return self._write("embedding", x, units=width, places=(x.units,), parameters=(table,), details=(tokens,))

    def gru(self, name: str, x: Value, width: int) -> Value:
        """Write down a layer; kept are three gates and the state's share in the last of them."""
        return self._recurrent("gru", name, x, width, gates=3, parts=4)

    def lstm(self, name: str, x: Value, width: int) -> Value:
        """Write down a layer; kept are four gates, the cell and its tangent."""
        return self._recurrent("lstm", name, x, width, gates=4, parts=6)

    def _recurrent(self, kind: str, name: str, x: Value, width: int, *, gates: int, parts: int) -> Value:
        arrays = (("weight_ih", (x.units,)), ("weight_hh", (width,)), ("bias_ih", ()), ("bias_hh", ()))
        parameters = tuple(self._parameter(f"{name}.{array}", gates * width, *fan_in) for array, fan_in in arrays)
        kept, near = parts * self._numbers_of(replace(x, units=width)), 6 * width * self.rows  # NEAR_PARTS
        turned = math.prod(x.places) * self.rows * stride_of(max(x.units, width))
        scratch = max(near, turned) if self.training else near + kept
        return self._write(kind, x, units=width, places=x.places, parameters=parameters, kept=kept, scratch=scratch)

    def __getattr__(self, name: str) -> "Callable[..., NoReturn]":
        """Refuse the operations that other readers know and the kernel does not."""

        def refuse(*rest: object, **named: object) -> NoReturn:
            raise UnknownOperationError(name)

        return refuse

    def _parameter(self, name: str, *dims: int) -> tuple[int, int]:
        """Give a parameter its place; returns where it begins and how far apart its rows are."""
        stride = stride_of(math.prod(dims[1:])) if len(dims) > 1 else filled(dims[0])
        at = self.numbers
        self.parameters[name] = Place(at=at, stride=stride, dims=dims)
        self.numbers += stride * (dims[0] if len(dims) > 1 else 1)
        return at, stride

    def _write(
        self,
        kind: str,
        *inputs: Value,
        units: int | None = None,
        places: tuple[int, ...] = (),
        parameters: tuple[tuple[int, int], ...] = (),
        details: tuple[int, ...] = (),
        kept: int = 0,
        scratch: int = 0,
    ) -> Value:
        """Write down one operation; its result has the units of its first input where none are named."""
        if kind not in KINDS:
            raise UnknownOperationError(kind)
        made = self._value(inputs[0].units if units is None else units, places, maker=len(self.lines))
        self.lines.append(
            Line(
                kind=kind,
                inputs=tuple(x.number for x in inputs),
                output=made.number,
                parameters=parameters,
                details=details,
                kept=kept,
                scratch=scratch,
            )
        )
        return made

    def _value(self, units: int, places: tuple[int, ...], maker: int) -> Value:
        value = Value(units=units, places=places, number=len(self.values), maker=maker)
        self.values.append(value)
        return value

    def _turned(self, x: Value) -> int:
        """Return the numbers of x with rows first, as a linear layer of one place needs it."""
        return self.rows * stride_of(x.units) if math.prod(x.places) == 1 else 0

    def _numbers_of(self, x: Value) -> int:
        """Return the numbers that x takes in the workspace, filling included."""
        return x.units * stride_of(math.prod(x.places) * self.rows)


def _grid_details(x: Value) -> tuple[int, ...]:
    """Return the grid's height and width, and how many lines of taps a filter has: one for a signal."""
    return (*x.places, 3) if len(x.places) == 2 else (1, *x.places, 1)


def follows(spec: RunSpec) -> bool:
    """Return whether the kernel knows the run's settings, whatever its architecture."""
    return all(getattr(spec, name) == knobs_of(RunSpec)[name].default for name in AT_DEFAULT)


@lru_cache(maxsize=1000)
def tape(spec: RunSpec, training: bool) -> Tape | None:
    """Return the tape of a run in training or in evaluation; None when the kernel cannot follow it."""
    if spec.task.loss == "sequence":
        return None
    net = TapeNet(spec=spec, outputs=spec.task.outputs, training=training)
    try:
        out = registry.arch(spec.arch).forward(net, Value(units=spec.task.inputs))
    except UnknownOperationError:
        return None
    used = {number for line in net.lines for number in line.inputs}
    odd = out.places or len(net.orders) > 1 or {line.output for line in net.lines} - used != {out.number}
    if odd or not follows(spec):
        return None
    workspace = Workspace(lines=net.lines, values=net.values, rows=net.rows, training=training)
    return Tape(
        operations=tuple(workspace.operation_words(KINDS)),
        values=tuple(workspace.value_words()),
        count=len(net.lines),
        space=workspace.size,
        scratch=max(line.scratch for line in net.lines),
        widest=max(value.units for value in net.values),
        numbers=net.numbers,
        parameters=net.parameters,
        running=net.running,
        statistics=net.statistics,
        input_stride=workspace.input_stride,
        order=net.orders.pop(),
    )
