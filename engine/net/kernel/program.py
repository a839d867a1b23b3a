"""Reads an architecture as a tape: the list of operations that the C++ kernel follows, without torch."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from inspect import isfunction
from typing import NoReturn

from engine.base.language import _
from engine.net.kernel.buffers import PAD, Value, Workspace, filled, stride_of
from engine.net.kernel.program_writer import Place, Writer
from engine.spec import registry
from engine.spec.knob import knobs_of
from engine.spec.net import ACTIVATIONS, Net
from engine.spec.run import RunSpec
from engine.spec.task import grid_dims, step_dims

KINDS = (
    *("linear", "relu", "gelu", "tanh", "sigmoid", "quadratic", "dropout", "add"),
    *("mean", "last", "one_hot", "embedding"),
    *("convolution", "depthwise", "max_pool", "batch_norm", "ravel", "gru", "lstm"),
    *("positions", "attention", "layer_norm"),
)
"""The kinds of operations, in the order of their numbers in C++."""

STRETCH = 512
"""Columns of an input that are transposed at a time."""

MOST_EDGE = 4
"""Steps whose attention is worked out at a time, at most."""

GRU_GATES, GRU_PARTS, LSTM_GATES, LSTM_PARTS = 3, 4, 4, 6
"""Gates of a recurrent layer, and what it keeps of every unit and step."""
NEAR_PARTS = 6
"""What a recurrent layer works on in one step, of every unit, at most."""
NORM_PARTS = 2
"""What a norm keeps: mean and 1 / deviation; and its sums, for shift and scale."""

OPERATIONS = frozenset(name for name, member in vars(Net).items() if isfunction(member) and name[0] != "_")
"""What an architecture may use."""

AT_DEFAULT = ("shift", "rotate", "augment_noise", "mixup", "width_rule")
"""Settings that the kernel follows at their defaults alone."""


class UnknownOperationError(Exception):
    """The kernel cannot follow this architecture; another reader can."""


@dataclass(frozen=True, kw_only=True)
class Tape:
    """What to do with a batch (inputs, rows)."""

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
    """Numbers of a model's parameters, filling included."""
    parameters: dict[str, Place]
    running: tuple[float, ...]
    """First values of the numbers that no gradient changes, the running statistics: means 0, variances 1."""
    statistics: dict[str, tuple[int, int]]
    """Where each running statistic begins in `running`, and how many numbers it has: one per unit."""
    input_stride: int
    """How far apart the inputs (inputs, rows) lie."""
    order: tuple[int, ...] | None
    """The numbers of an example, in the order in which they are read; None: as they are."""


@dataclass(kw_only=True)
class TapeNet(Writer):
    """A Net over Values that writes down every operation."""

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
        if kernel not in (1, 3):
            raise ValueError(_("kernel={kernel} is not possible for {name}; allowed: 1, 3.", kernel=kernel, name=name))
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
        kept = NORM_PARTS * units
        return self._write("batch_norm", x, places=x.places, parameters=parameters, details=(first,), kept=kept)

    def activation(self, x: Value) -> Value:
        """Write down the spec's nonlinearity."""
        kind = str(dict(self.spec.options)["activation"])
        if kind not in ACTIVATIONS:
            allowed = ", ".join(ACTIVATIONS)
            raise ValueError(_("activation={kind} is not possible; allowed: {allowed}.", kind=kind, allowed=allowed))
        if kind not in KINDS:
            raise UnknownOperationError(kind)
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

    def positions(self, name: str, x: Value) -> Value:
        """Write down x plus a learned row per step."""
        table = self._parameter(f"{name}.weight", *x.places, x.units)
        return self._write("positions", x, places=x.places, parameters=(table,))

    def attention(self, x: Value, heads: int) -> Value:
        """Write down causal attention; the shares of all earlier steps are kept."""
        self._refuse_examples(x, "attention")
        units, (steps,) = x.units // 3, x.places
        stride = stride_of(steps * self.rows)
        kept, scratch = (heads * steps * stride, 0) if self.training else (0, MOST_EDGE * stride)
        details = (heads,)
        return self._write("attention", x, units=units, places=x.places, details=details, kept=kept, scratch=scratch)

    def layer_norm(self, name: str, x: Value) -> Value:
        """Write down x normalised over its units; mean and deviation are kept."""
        self._refuse_examples(x, "layer_norm")
        parameters = (self._parameter(f"{name}.weight", x.units), self._parameter(f"{name}.bias", x.units))
        columns = stride_of(math.prod(x.places) * self.rows)
        kept, sums = NORM_PARTS * columns, NORM_PARTS * PAD * x.units
        return self._write("layer_norm", x, places=x.places, parameters=parameters, kept=kept, scratch=sums)

    def gru(self, name: str, x: Value, width: int) -> Value:
        """Write down a layer; the backward pass reads three gates and the state's share in the last of them."""
        return self._recurrent("gru", name, x, width, gates=GRU_GATES, parts=GRU_PARTS)

    def lstm(self, name: str, x: Value, width: int) -> Value:
        """Write down a layer; kept are four gates, the cell and its tangent."""
        return self._recurrent("lstm", name, x, width, gates=LSTM_GATES, parts=LSTM_PARTS)

    def _recurrent(self, kind: str, name: str, x: Value, width: int, *, gates: int, parts: int) -> Value:
        arrays = (("weight_ih", (x.units,)), ("weight_hh", (width,)), ("bias_ih", ()), ("bias_hh", ()))
        parameters = tuple(self._parameter(f"{name}.{array}", gates * width, *fan_in) for array, fan_in in arrays)
        kept, near = parts * self._numbers_of(replace(x, units=width)), NEAR_PARTS * width * self.rows
        turned = math.prod(x.places) * self.rows * stride_of(max(x.units, width))
        scratch = max(near, turned) if self.training else near + kept
        return self._write(kind, x, units=width, places=x.places, parameters=parameters, kept=kept, scratch=scratch)

    def __getattr__(self, name: str) -> "Callable[..., NoReturn]":
        """Refuse the operations that other readers know and the kernel does not.

        Raises: AttributeError: for what no reader knows, which is a mistake in the architecture.
        """
        if name not in OPERATIONS:
            allowed = ", ".join(sorted(OPERATIONS))
            raise AttributeError(f"net.{name} is not an operation of an architecture; allowed: {allowed}.")

        def refuse(*rest: object, **named: object) -> NoReturn:
            raise UnknownOperationError(name)

        return refuse

    def _refuse_examples(self, x: Value, kind: str) -> None:
        """Refuse the examples themselves, whose units lie closer together than those of a result."""
        if x.maker < 0:
            raise UnknownOperationError(kind)

    def _turned(self, x: Value) -> int:
        """Return the numbers of x, or of a stretch of it, with rows first, as a linear layer needs it."""
        return min(self.rows * math.prod(x.places), max(STRETCH, self.rows)) * stride_of(x.units)


def _grid_details(x: Value) -> tuple[int, ...]:
    """Return the grid's height and width, and how many lines of taps a filter has: one for a signal."""
    return (*x.places, 3) if len(x.places) == 2 else (1, *x.places, 1)


def follows(spec: RunSpec) -> bool:
    """Return whether the kernel knows the run's settings, whatever its architecture."""
    known = spec.task.loss != "sequence"
    return known and all(getattr(spec, name) == knobs_of(RunSpec)[name].default for name in AT_DEFAULT)


@lru_cache(maxsize=1000)
def tape(spec: RunSpec, training: bool) -> Tape | None:
    """Return the tape of a run in training or in evaluation; None when the kernel cannot follow it."""
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
