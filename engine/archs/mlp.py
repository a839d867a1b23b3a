"""Multilayer perceptron: `depth` hidden layers of `width` units, then a linear output layer."""

from typing import TypeVar

from engine.knob import Knob
from engine.net import ACTIVATIONS, Net
from engine.registry import Arch

T = TypeVar("T")


def forward(net: Net[T], x: T) -> T:
    """Return logits (batch, outputs) of x (batch, inputs)."""
    for layer in range(net.spec.depth):
        x = net.linear(f"hidden{layer}", x, net.spec.width)
        x = net.dropout(net.activation(x))
    return net.linear("out", x, net.outputs)


ARCH = Arch(
    title="MLP (multilayer perceptron)",
    forward=forward,
    knobs=(
        Knob(
            name="activation",
            kind=str,
            default="relu",
            label="Activation",
            help="The nonlinearity after each hidden layer.",
            group="Architecture",
            choices=lambda: ACTIVATIONS,
        ),
    ),
)
