"""Reads an architecture as a tape: the list of operations that the C++ kernel follows, without torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn

from engine import registry
from engine.knob import knobs_of
from engine.spec import RunSpec

PAD = 16
"""Lengths are filled up to this, as in kernel.cpp: whole vectors on every machine."""

KINDS = ("linear", "relu", "tanh", "gelu", "dropout")
"""In the order of kernel.cpp."""

AT_DEFAULT = {
    name: knobs_of(RunSpec)[name].default
    for name in (
        *("beta1", "beta2", "clip", "l2", "label_smoothing", "schedule", "warmup"),
        *("shift", "rotate", "augment_noise", "mixup", "width_rule"),
    )
}
"""Settings that the kernel follows at their defaults alone."""


class UnknownOperationError(Exception):
    """The kernel cannot follow this architecture; another reader can."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One line of the tape, in the order of kernel.cpp."""

    kind: int
    """Place in KINDS."""
    fan_in: int
    units: int
    weight: int = 0
    """Where the weights begin among a model's numbers: (units, weight_stride)."""
    bias: int = 0
    weight_stride: int = 0
    value: int
    """Where the result lies, in rows of the workspace; all but linear work in place."""
    slope: int = 0
    """Where the derivative is kept."""
    site: int = 0
    """Which dropout of the model this is."""


@dataclass(frozen=True, kw_only=True)
class Tape:
    """What to do with a batch (inputs, rows)."""

    operations: tuple[Operation, ...]
    rows: int
    """Of the workspace that holds all values."""
    numbers: int
    """Of a model, filling included."""
    weights: dict[str, Operation]
    """The linear layer by its name."""

    @property
    def widest(self) -> int:
        """Most units of a layer, filling included."""
        return max(filled(operation.units) for operation in self.operations)


@dataclass(frozen=True, kw_only=True)
class Value:
    """Stands for a tensor (units, rows)."""

    units: int
    made_by: int
    """Place on the tape; -1 for the examples."""


@dataclass(kw_only=True)
class TapeNet:
    """A Net over Values that writes down every operation; each works on the result of the one before."""

    spec: RunSpec
    outputs: int
    training: bool
    operations: list[Operation] = field(default_factory=list)
    weights: dict[str, Operation] = field(default_factory=dict)
    rows: int = 0
    numbers: int = 0
    sites: int = 0

    def flat(self, x: Value) -> Value:
        """Return x: examples lie flat."""
        return x

    def linear(self, name: str, x: Value, width: int) -> Value:
        """Write down W x + b."""
        stride = stride_of(x.units)
        weight, bias = self.numbers, self.numbers + width * stride
        self.numbers = bias + filled(width)
        value = self._new_rows(width)
        made = self._write("linear", x, width, value=value, weight=weight, bias=bias, weight_stride=stride)
        self.weights[name] = self.operations[-1]
        return made

    def activation(self, x: Value) -> Value:
        """Write down the spec's nonlinearity, in place."""
        kind = str(dict(self.spec.options)["activation"])
        return self._in_place(kind, x, slope=0 if kind == "relu" else self._new_rows(x.units))

    def dropout(self, x: Value) -> Value:
        """Write down the site in training; x itself where nothing is dropped."""
        if not self.training or self.spec.dropout == 0:
            return x
        made = self._in_place("dropout", x, slope=self._new_rows(x.units), site=self.sites)
        self.sites += 1
        return made

    def __getattr__(self, name: str) -> "Callable[..., NoReturn]":
        """Refuse the operations that other readers know and the kernel does not."""

        def refuse(*rest: object, **named: object) -> NoReturn:
            raise UnknownOperationError(name)

        return refuse

    def _in_place(self, kind: str, x: Value, *, slope: int, site: int = 0) -> Value:
        if x.made_by < 0:
            raise UnknownOperationError(f"{kind} of the examples")
        return self._write(kind, x, x.units, value=self.operations[-1].value, slope=slope, site=site)

    def _write(self, kind: str, x: Value, units: int, **places: int) -> Value:
        if kind not in KINDS or x.made_by != len(self.operations) - 1:
            raise UnknownOperationError(kind)
        self.operations.append(Operation(kind=KINDS.index(kind), fan_in=x.units, units=units, **places))
        return Value(units=units, made_by=len(self.operations) - 1)

    def _new_rows(self, units: int) -> int:
        first = self.rows
        self.rows += filled(units)
        return first


def follows(spec: RunSpec) -> bool:
    """Return whether the kernel knows the run's settings, whatever its architecture."""
    known = spec.task.loss == "cross-entropy" and not spec.task.tokens
    return known and all(getattr(spec, name) == default for name, default in AT_DEFAULT.items())


@lru_cache(maxsize=1000)
def tape(spec: RunSpec, training: bool) -> Tape | None:
    """Return the tape of a run in training or in evaluation; None when the kernel cannot follow it."""
    if not follows(spec):
        return None
    net = TapeNet(spec=spec, outputs=spec.task.outputs, training=training)
    if spec.task.loss == "sequence":
        return None
    try:
        out = registry.arch(spec.arch).forward(net, Value(units=spec.task.inputs, made_by=-1))
    except UnknownOperationError:
        return None
    if out.made_by != len(net.operations) - 1:
        return None
    return Tape(operations=tuple(net.operations), rows=net.rows, numbers=net.numbers, weights=net.weights)


def filled(length: int) -> int:
    """Return `length` filled up to whole vectors."""
    return -(-length // PAD) * PAD


def stride_of(length: int) -> int:
    """Return how far apart rows of `length` lie: long ones an odd number of cache lines, as in kernel.cpp."""
    return filled(length) + (PAD if length >= 128 and filled(length) // PAD % 2 == 0 else 0)
