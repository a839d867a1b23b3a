"""Writes down the operations of a tape, the values between them and the parameters, before memory is given out."""

import math
from dataclasses import dataclass, field

from engine.net.kernel.buffers import Line, Value, filled, stride_of
from engine.spec.run import RunSpec

BLOCK = 64
"""Rows evaluated at a time."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a parameter lies among a model's numbers: its first dimension as rows, `stride` apart."""

    at: int
    stride: int
    dims: tuple[int, ...]
    """A parameter of one dimension is one row."""


@dataclass(kw_only=True)
class Writer:
    """What is written so far, of one run in training or in evaluation."""

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
    """The order in which the numbers of an example are read, as in Tape."""

    @property
    def rows(self) -> int:
        """Rows that are worked on at a time, filled up."""
        return filled(self.spec.batch) if self.training else BLOCK

    def examples(self, units: int, places: tuple[int, ...] = (), order: tuple[int, ...] | None = None) -> Value:
        """Return the examples, read in an order, as units by places."""
        self.orders.add(order)
        return self._value(units, places, maker=-1)

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

    def _numbers_of(self, x: Value) -> int:
        """Return the numbers that x takes in the workspace, filling included."""
        return x.units * stride_of(math.prod(x.places) * self.rows)
