"""Transformer: `depth` causal pre-norm blocks of `width` units; a linear output layer reads the mean of all steps."""

import math
from typing import TypeVar

from engine.base.language import _
from engine.spec.knob import Knob
from engine.spec.net import Arch, Net, activation_knob, sequence

T = TypeVar("T")


def forward(net: Net[T], x: T) -> T:
    """Return logits of x, read step by step; a linear layer embeds steps that are not tokens.

    Source: arXiv:1706.03762, decoder only; norms before each part as in arXiv:2002.04745.
    """
    width = net.spec.width
    heads = math.gcd(int(dict(net.spec.options)["heads"]), width)
    x = sequence(net, x)
    if not net.spec.task.tokens:
        x = net.linear("embedding", x, width)
    x = net.positions("positions", x)
    for block in range(net.spec.depth):
        name = f"block{block}"
        part = net.linear(f"{name}.attend", net.layer_norm(f"{name}.norm1", x), 3 * width)
        part = net.linear(f"{name}.attended", net.attention(part, heads), width)
        x = net.add(x, net.dropout(part))
        part = net.linear(f"{name}.widen", net.layer_norm(f"{name}.norm2", x), 4 * width)
        part = net.linear(f"{name}.narrow", net.activation(part), width)
        x = net.add(x, net.dropout(part))
    return net.linear("out", net.mean(net.layer_norm("norm", x)), net.outputs)


ARCH = Arch(
    title=_("Transformer (decoder only)"),
    forward=forward,
    knobs=(
        activation_knob(_("The nonlinearity inside each block's two-layer part."), default="gelu"),
        Knob(
            name="heads",
            kind=int,
            default=4,
            label=_("Attention heads"),
            help=_("Per block; where the width is no multiple of it, as many as their greatest common divisor."),
            group="Architecture",
            low=1,
            high=8,
        ),
    ),
)
