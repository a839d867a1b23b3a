"""Multilayer perceptron: `depth` hidden layers of `width` units, then a linear output layer."""

from typing import TypeVar

from engine.base.language import _
from engine.spec.net import Arch, Net, activation_knob

T = TypeVar("T")


def forward(net: Net[T], x: T) -> T:
    """Return logits (batch, outputs) of x (batch, inputs)."""
    x = net.flat(x)
    for layer in range(net.spec.depth):
        x = net.linear(f"hidden{layer}", x, net.spec.width)
        x = net.dropout(net.activation(x))
    return net.linear("out", x, net.outputs)


ARCH = Arch(
    title=_("MLP (multilayer perceptron)"),
    forward=forward,
    knobs=(activation_knob(_("The nonlinearity after each hidden layer.")),),
)
