"""The losses: what an example costs, what counts as its error, and the slope that training follows.

Outputs lie as in batched.py, (models, outputs, rows). Targets are class numbers (models, rows) for cross-entropy and
real numbers (models, rows, outputs) otherwise. reference.py holds torch's own losses against these.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Each is a function of outputs and targets."""

    each: Callable[[Tensor, Tensor], Tensor]
    """The loss of every example, (models, rows), the mean over its outputs."""
    error: Callable[[Tensor, Tensor], Tensor]
    """What is averaged, and divided by the targets' variance, to the error: (models, rows)."""
    slope: Callable[[Tensor, Tensor], Tensor]
    """The derivative of every example's loss by its outputs, a new tensor (models, outputs, rows)."""


def _cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(outputs, y, reduction="none", ignore_index=-1)


def _cross_entropy_slope(outputs: Tensor, y: Tensor) -> Tensor:
    slope = torch.softmax(outputs, dim=1)  # softmax − one-hot
    return slope.scatter_add_(1, y[:, None], slope.new_full((), -1.0).expand(y[:, None].shape))


def _squares(outputs: Tensor, y: Tensor) -> Tensor:
    return (outputs - y.mT).square().mean(dim=1)


def _hinge(outputs: Tensor, y: Tensor) -> Tensor:
    return (1 - outputs * y.mT).clamp(min=0).mean(dim=1)


def _hinge_slope(outputs: Tensor, y: Tensor) -> Tensor:
    return torch.where(outputs * y.mT <= 1, -y.mT / outputs.shape[1], 0.0)


LOSSES = {
    "cross-entropy": Loss(
        each=_cross_entropy, error=lambda outputs, y: outputs.argmax(dim=1) != y, slope=_cross_entropy_slope
    ),
    "mse": Loss(each=_squares, error=_squares, slope=lambda outputs, y: (outputs - y.mT) * (2 / outputs.shape[1])),
    "hinge": Loss(
        each=_hinge, error=lambda outputs, y: (outputs * y.mT <= 0).to(outputs.dtype).mean(dim=1), slope=_hinge_slope
    ),
}
