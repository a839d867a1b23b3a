"""Convolutional network: `depth` blocks of `width` channels, then a linear output layer over the grid or its mean."""

from typing import TypeVar

from engine.base.language import _
from engine.spec.knob import Knob
from engine.spec.net import Arch, Net, activation_knob, pooled_or_flat, readout_knob

T = TypeVar("T")


def forward(net: Net[T], x: T) -> T:
    """Return logits of x: images are seen in two dimensions, everything else as a signal in one."""
    if net.spec.task.tokens:
        x = net.embedding("embedding", x, net.spec.width)
    x = net.grid(x)
    for block in range(net.spec.depth):
        if block:
            x = net.max_pool(x)
        x = net.dropout(net.activation(_filtered(net, f"block{block}", x)))
    return net.linear("out", pooled_or_flat(net, x, net.mean), net.outputs)


def _filtered(net: Net[T], name: str, x: T) -> T:
    """Return x convolved to `width` channels and, where asked, normalised; a norm replaces the bias."""
    options = dict(net.spec.options)
    norm = options["batch_norm"] == "on"
    if options["convolution"] == "separable" and name != "block0":  # one or three input channels hardly separate
        x = net.depthwise(f"{name}.depthwise", x)
        x = net.convolution(f"{name}.pointwise", x, net.spec.width, kernel=1, bias=not norm)
    else:
        x = net.convolution(f"{name}.convolution", x, net.spec.width, bias=not norm)
    return net.batch_norm(f"{name}.norm", x) if norm else x


ARCH = Arch(
    title=_("CNN (convolutional network)"),
    forward=forward,
    knobs=(
        activation_knob(_("The nonlinearity after each convolution.")),
        readout_knob(_("What the output layer reads. Pooled: the mean over the grid. Flat: all of them, end to end.")),
        Knob(
            name="convolution",
            kind=str,
            default="plain",
            label=_("Convolution"),
            help=_(
                "Separable: from the second block on, a filter per channel, then a mix of channels. arXiv:1704.04861."
            ),
            group="Architecture",
            choices=lambda: ("plain", "separable"),
        ),
        Knob(
            name="batch_norm",
            kind=str,
            default="off",
            label=_("Batch normalization"),
            help=_("Whether each channel is normalised over the batch before its activation. arXiv:1502.03167."),
            group="Architecture",
            choices=lambda: ("off", "on"),
        ),
    ),
)
