"""Long short-term memory: `depth` layers of `width` units; a linear output layer reads the states."""

from typing import TypeVar

from engine.base.language import _
from engine.spec.net import Arch, Net, pooled_or_flat, readout_knob, sequence

T = TypeVar("T")


def forward(net: Net[T], x: T) -> T:
    """Return logits of x, read step by step."""
    x = sequence(net, x)
    for layer in range(net.spec.depth):
        x = net.dropout(net.lstm(f"layer{layer}", x, net.spec.width))
    return net.linear("out", pooled_or_flat(net, x, net.last), net.outputs)


ARCH = Arch(
    title=_("LSTM (long short-term memory)"),
    forward=forward,
    knobs=(readout_knob(_("What the output layer reads. Pooled: the last state. Flat: all of them, end to end.")),),
)
