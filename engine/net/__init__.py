"""The vocabulary an architecture is written in; count, reference and batched each read it their own way."""

from typing import Protocol, TypeVar

from engine.spec import RunSpec

ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "quadratic")
"""Quadratic is x². Source: arXiv:2301.02679, where it makes modular addition solvable by hand."""

T = TypeVar("T")


class Net(Protocol[T]):
    """What an architecture may use; T is a shape when counting, a tensor when training."""

    @property
    def spec(self) -> RunSpec:
        """The run, for width, depth and the architecture's own options."""

    @property
    def outputs(self) -> int:
        """Units of the output layer: one per class."""

    def linear(self, name: str, x: T, width: int) -> T:
        """Return W x + b with `width` units; W, b uniform in ±1/sqrt(fan_in), PyTorch's default."""

    def activation(self, x: T) -> T:
        """Return the nonlinearity that the spec's `activation` option names."""

    def dropout(self, x: T) -> T:
        """Return x with the spec's share of units zeroed, the rest scaled up, in training; x itself otherwise."""
