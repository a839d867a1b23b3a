"""Where the values of a tape lie while the kernel works: in as little memory as their lifetimes allow."""

import ctypes
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from engine.net.kernel import structures

PAD = 16
"""Lengths are filled up to this: whole vectors on every machine."""

IN_PLACE = ("relu", "gelu", "tanh", "sigmoid", "quadratic", "dropout", "add", "positions")
"""Kinds whose result may lie where their first input lay."""
READS_RESULT = ("relu", "gru", "lstm", "attention")
"""Kinds whose backward pass reads their result; dropout alone may change it, since a zeroed unit has no grad."""
CLAMPS = ("linear", "convolution")
"""Kinds that apply the ReLU after them themselves, at no cost."""
GATES = ("linear", "convolution", "max_pool")
"""Kinds whose backward pass does that of the ReLU before them."""
SKIPS_FORWARD, SKIPS_BACKWARD = 1, 2
"""Flags of an operation: another operation does its forward or backward pass for it."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """Stands for a tensor (units, places, rows)."""

    units: int
    places: tuple[int, ...] = ()
    """The grid, or the steps; empty for an example that is one row of numbers."""
    number: int = -1
    """Place among the tape's values."""
    maker: int = -1
    """Place on the tape of what makes it; −1 for the examples, however they are seen."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one operation does, before memory is given out."""

    kind: str
    inputs: tuple[int, ...]
    """Values, one or two."""
    output: int
    parameters: tuple[tuple[int, int], ...] = ()
    """Where each begins among a model's numbers, and how far apart its rows are."""
    details: tuple[int, ...] = ()
    """What else the kind wants to know."""
    kept: int = 0
    """Numbers that the backward pass needs besides values."""
    scratch: int = 0
    """Numbers that it needs while it works."""


@dataclass(kw_only=True)
class Region:
    """Part of the workspace, from one moment of a step to another, both included."""

    size: int
    first: int
    last: int
    at: int = -1

    def include(self, other: "Region") -> "Region":
        """Return this region, now there for the other's lifetime too."""
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        return self


@dataclass(kw_only=True)
class Workspace:
    """Gives out memory for the values of `lines`, their grads, and what operations keep.

    Moments of a step: line i forward at i, the loss at n, line i backward at 2n − i.
    """

    lines: Sequence[Line]
    values: Sequence[Value]
    rows: int
    """Rows of a batch, filled up."""
    training: bool
    size: int = 0
    _at: list[Region | None] = field(init=False)
    _grad: list[Region | None] = field(init=False)
    _kept: list[Region | None] = field(init=False)

    def __post_init__(self) -> None:
        self._end = len(self.lines)
        self._uses: list[list[int]] = [[] for _ in self.values]
        for place, line in enumerate(self.lines):
            for value in line.inputs:
                self._uses[value].append(place)
        self._learning = [False] * len(self.values)
        for line in self.lines:
            self._learning[line.output] = bool(line.parameters) or any(self._learning[v] for v in line.inputs)
        self._at = [self._region(value, self._value_times) for value in self.values]
        self._grad = [self._region(value, self._grad_times) for value in self.values]
        self._kept = [
            Region(size=line.kept, first=i, last=2 * self._end - i) if line.kept and self.training else None
            for i, line in enumerate(self.lines)
        ]
        for place, line in enumerate(self.lines):
            if self._fits_in_place(place):
                self._share(self._at, line)
                self._share(self._grad, line)
        self.size = _place(self.regions())

    def regions(self) -> list[Region]:
        """Return every part of the workspace once, whoever lies in it."""
        found = (region for region in (*self._at, *self._grad, *self._kept) if region)
        return list({id(region): region for region in found}.values())

    def stride(self, value: Value) -> int:
        """Return how far apart the units of a value lie."""
        places = math.prod(value.places)
        return places * self.input_stride if value.maker < 0 else stride_of(places * self.rows)

    @property
    def input_stride(self) -> int:
        """How far apart the inputs of the examples lie: side by side where they are seen as places."""
        by_places = any(value.maker < 0 and value.places for value in self.values)
        return self.rows if by_places else stride_of(self.rows)

    def value_words(self) -> list[int]:
        """Return every value in turn, as structures.Value has it."""
        words = []
        for value, at, grad in zip(self.values, self._at, self._grad, strict=True):
            words += _words(
                structures.Value(
                    units=value.units,
                    places=math.prod(value.places),
                    stride=self.stride(value),
                    at=at.at if at else -1,
                    grad=grad.at if grad else -1,
                )
            )
        return words

    def operation_words(self, kinds: Sequence[str]) -> list[int]:
        """Return every operation in turn, as structures.Operation has it."""
        words = []
        for place, line in enumerate(self.lines):
            adds = [max(self._uses[value]) > place for value in line.inputs]
            if line.inputs[0] == line.inputs[-1] and len(line.inputs) > 1:
                adds[1] = True  # twice the same: the second on top of the first
            inputs, kept = line.inputs, self._kept[place]
            words += _words(
                structures.Operation(
                    kind=kinds.index(line.kind),
                    input=inputs[0],
                    other=inputs[-1],
                    output=line.output,
                    input_adds=adds[0],
                    other_adds=adds[-1],
                    positive=self._clamps(place),
                    gated=self._gates(place),
                    skipped=SKIPS_FORWARD * self._clamped(place) + SKIPS_BACKWARD * self._ends_grads(place),
                    kept=kept.at if kept else -1,
                    details=line.details,
                    parameters=line.parameters,
                )
            )
        return words

    def _region(self, value: Value, times: Callable[[Value], tuple[int, int] | None]) -> Region | None:
        found = times(value)
        return found and Region(size=value.units * self.stride(value), first=found[0], last=found[1])

    def _value_times(self, value: Value) -> tuple[int, int] | None:
        if value.maker < 0:
            return None
        last = 2 * self._end - value.maker if self.training else max(self._uses[value.number], default=self._end)
        return value.maker, last

    def _grad_times(self, value: Value) -> tuple[int, int] | None:
        """Return from when its last use writes its grad until its maker has read it."""
        if not self.training or not self._learning[value.number]:
            return None
        return 2 * self._end - max(self._uses[value.number], default=self._end), 2 * self._end - value.maker

    def _fits_in_place(self, place: int) -> bool:
        line = self.lines[place]
        source = self.values[line.inputs[0]]
        if line.kind not in IN_PLACE or source.maker < 0 or self._uses[source.number] != [place]:
            return False
        maker = self.lines[source.maker].kind
        return maker not in READS_RESULT or (maker == "relu" and line.kind == "dropout")

    def _clamps(self, place: int) -> bool:
        """Return whether the line does the ReLU of its result, which lies in place."""
        uses = self._uses[self.lines[place].output]
        return self.lines[place].kind in CLAMPS and len(uses) == 1 and self._is_relu_in_place(uses[0])

    def _clamped(self, place: int) -> bool:
        return self._is_relu_in_place(place) and self._clamps(self.values[self.lines[place].inputs[0]].maker)

    def _gates(self, place: int) -> bool:
        """Return whether the line's backward pass does that of the ReLU before it."""
        maker = self.values[self.lines[place].inputs[0]].maker
        return maker >= 0 and self._gated(maker) and self._uses[self.lines[maker].output] == [place]

    def _gated(self, place: int) -> bool:
        uses = self._uses[self.lines[place].output]
        return self._is_relu_in_place(place) and len(uses) == 1 and self.lines[uses[0]].kind in GATES

    def _ends_grads(self, place: int) -> bool:
        """Return whether the line has no backward pass of its own: another does it, or nothing up to here learns."""
        return self._gated(place) or not self._learning[self.lines[place].output]

    def _is_relu_in_place(self, place: int) -> bool:
        return self.lines[place].kind == "relu" and self._fits_in_place(place)

    def _share(self, regions: list[Region | None], line: Line) -> None:
        before, after = regions[line.inputs[0]], regions[line.output]
        if before and after:
            regions[line.output] = before.include(after)


def filled(length: int) -> int:
    """Return `length` filled up to whole vectors."""
    return -(-length // PAD) * PAD


def stride_of(length: int) -> int:
    """Return how far apart rows of `length` lie: long ones an odd number of cache lines, as in vectors.h."""
    return filled(length) + (PAD if length >= 128 and filled(length) // PAD % 2 == 0 else 0)


def _words(structure: ctypes.Structure) -> list[int]:
    """Return a structure of integers of 64 bits as one after the other."""
    return memoryview(bytes(structure)).cast("q").tolist()


def _place(regions: Iterable[Region]) -> int:
    """Give every region the lowest place that is free during its lifetime; returns the size of it all."""
    placed: list[Region] = []
    for region in sorted(regions, key=lambda region: region.first):
        alive = sorted((r for r in placed if r.last >= region.first), key=lambda r: r.at)
        at = 0
        for other in alive:
            if at + region.size <= other.at:
                break
            at = max(at, other.at + filled(other.size))
        region.at = at
        placed.append(region)
    return max((region.at + filled(region.size) for region in placed), default=0)
