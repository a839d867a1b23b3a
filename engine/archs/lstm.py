"""Long short-term memory: `depth` layers of `width` units; states go to a linear output layer."""

from typing import TypeVar

from engine.spec.net import Arch, Net, pooled_or_flat, readout_knob, sequence

T = TypeVar("T")


def forward(net: Net[T], x: T) -> T:
    """Return logits of x, read step by step."""
    x = sequence(net, x)
    for layer in range(net.spec.depth):
        x = net.dropout(net.lstm(f"layer{layer}", x, net.spec.width))
    return net.linear("out", pooled_or_flat(net, x, net.last), net.outputs)


ARCH = Arch(title="LSTM (long short-term memory)", forward=forward, knobs=(readout_knob("the last state"),))
