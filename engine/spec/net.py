"""The vocabulary of architectures, which count, reference and batched each read in their own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.base.language import _
from engine.spec.knob import Knob, Value
from engine.spec.task import Task

ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "quadratic")
"""Quadratic is x². Source: arXiv:2301.02679, where it makes modular addition solvable by hand."""

T = TypeVar("T")


class Model(Protocol):
    """What architectures and counting may know of a run: its sizes, its options and its task."""

    @property
    def arch(self) -> str:
        """Name of the architecture."""

    @property
    def width(self) -> int:
        """Units per hidden layer."""

    @property
    def depth(self) -> int:
        """Hidden layers or blocks; the output layer is not counted."""

    @property
    def options(self) -> tuple[tuple[str, Value], ...]:
        """Settings that the architecture and the data set declare, sorted by name."""

    @property
    def task(self) -> Task:
        """What the data set asks of a model."""


class Net(Protocol[T]):
    """What an architecture may use; T is a shape when counting, a tensor when training."""

    @property
    def spec(self) -> Model:
        """The run, for width, depth and the architecture's own options."""

    @property
    def outputs(self) -> int:
        """Units of the output layer: one per class, or as many as the task's loss needs."""

    def flat(self, x: T) -> T:
        """Return an example as one row of numbers; tokens become one-hot rows, laid end to end."""

    def grid(self, x: T) -> T:
        """Return an example as channels over a grid: images and signals as they are, embedded tokens with their
        dimensions as channels, flat features as a signal of one channel.
        """

    def steps(self, x: T) -> T:
        """Return an example as steps of units: an image's rows, a signal's moments, flat features one at a time."""

    def linear(self, name: str, x: T, width: int) -> T:
        """Return W x + b with `width` units, at every step; W, b uniform in ±1/sqrt(fan_in), PyTorch's default."""

    def convolution(self, name: str, x: T, width: int, *, kernel: int = 3, bias: bool = True) -> T:
        """Return x over its grid convolved to `width` channels, edges filled with zeros; `kernel` is 1 or 3."""

    def depthwise(self, name: str, x: T) -> T:
        """Return every channel of x convolved with its own filter of 3 points a side, without bias."""

    def max_pool(self, x: T) -> T:
        """Return x over half the grid: the largest of two neighbours along each side, without an odd last one.

        Where a side is shorter than 4, the result is x itself.
        """

    def batch_norm(self, name: str, x: T) -> T:
        """Return every channel of x with mean 0 and variance 1 over the batch and the grid, then scaled and shifted.

        Evaluation uses running statistics, with momentum 0.1. Source: arXiv:1502.03167.
        """

    def layer_norm(self, name: str, x: T) -> T:
        """Return every step of x with mean 0 and variance 1 over its units, then scaled and shifted.

        Source: arXiv:1607.06450.
        """

    def gru(self, name: str, x: T, width: int) -> T:
        """Return the hidden states, one per step, of a layer of gated recurrent units. Source: arXiv:1406.1078."""

    def lstm(self, name: str, x: T, width: int) -> T:
        """Return the hidden states, one per step, of an LSTM layer. Source: Hochreiter & Schmidhuber, 1997."""

    def attention(self, x: T, heads: int) -> T:
        """Return what every step attends to in itself and the steps before it.

        x holds queries, keys and values, one after the other; the result has a third of its units.
        Source: arXiv:1706.03762 §3.2.
        """

    def embedding(self, name: str, x: T, width: int) -> T:
        """Return tokens as steps of `width` units, one row of a table per token."""

    def positions(self, name: str, x: T) -> T:
        """Return x plus a learned row per step."""

    def add(self, x: T, y: T) -> T:
        """Return x + y."""

    def mean(self, x: T) -> T:
        """Return the mean over all steps or over the grid."""

    def last(self, x: T) -> T:
        """Return the last step of x."""

    def ravel(self, x: T) -> T:
        """Return all steps or grid points of x as one row, unit by unit."""

    def activation(self, x: T) -> T:
        """Return the nonlinearity that the spec's `activation` option names."""

    def dropout(self, x: T) -> T:
        """Return x with the spec's share of units zeroed, the rest scaled up, in training; x itself otherwise."""


class Forward(Protocol):
    """How an architecture is written: one function that every reader of a Net calls with its own T."""

    def __call__(self, net: Net[T], x: T) -> T:
        """Return the logits of x."""


@dataclass(frozen=True, kw_only=True)
class Arch:
    """A model family, written once over a Net."""

    title: str
    """E.g. "Multilayer perceptron"."""
    forward: Forward
    """(net, x) → logits; x is (batch, inputs) or whatever the reader of the Net passes through."""
    knobs: tuple[Knob, ...] = ()
    """Settings of this family alone."""


def sequence(net: Net[T], x: T) -> T:
    """Return an example as steps: tokens as embeddings of `width` units, anything else as its own numbers."""
    return net.embedding("embedding", x, net.spec.width) if net.spec.task.tokens else net.steps(x)


def pooled_or_flat(net: Net[T], x: T, pooled: Callable[[T], T]) -> T:
    """Return what the output layer reads of x, according to the option `readout`."""
    return pooled(x) if dict(net.spec.options)["readout"] == "pooled" else net.ravel(x)


def readout_knob(help: str) -> Knob:
    """Return the knob of a family whose output layer reads either one summary of all steps or grid points, or all."""
    return Knob(
        name="readout",
        kind=str,
        default="pooled",
        label=_("Readout"),
        help=help,
        group="Architecture",
        choices=lambda: ("pooled", "flat"),
        rare=True,
    )


def activation_knob(help: str, default: str = "relu") -> Knob:
    """Return the knob of a family whose layers have a nonlinearity to choose."""
    return Knob(
        name="activation",
        kind=str,
        default=default,
        label=_("Activation"),
        help=help,
        group="Architecture",
        choices=lambda: ACTIVATIONS,
    )
