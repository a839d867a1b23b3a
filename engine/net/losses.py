"""The losses: what an example costs, what counts as its error, and the gradient that training follows.

Outputs lie as in batched.py, (models, outputs, rows). Targets are class numbers (models, rows) for cross-entropy, class
numbers (models, rows, answers) for sequence, whose outputs are (answers, classes) laid flat, and real numbers (models,
rows, outputs) otherwise. reference.py holds torch's own losses against these.
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
    """The loss of every example, (models, rows), the mean over its outputs or answers."""
    error: Callable[[Tensor, Tensor], Tensor]
    """What is averaged, and divided by the targets' variance, to the error: (models, rows)."""
    grad: Callable[[Tensor, Tensor], Tensor]
    """The derivative of every example's loss by its outputs, a new tensor (models, outputs, rows)."""


def _cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(outputs, y, reduction="none", ignore_index=-1)


def _cross_entropy_grad(outputs: Tensor, y: Tensor) -> Tensor:
    grad = torch.softmax(outputs, dim=1)  # softmax − one-hot
    return grad.scatter_add_(1, y[:, None], grad.new_full((), -1.0).expand(y[:, None].shape))


def _by_answer(outputs: Tensor, y: Tensor) -> Tensor:
    """Return a view of a sequence's outputs (models, classes, answers, rows)."""
    found: Tensor = outputs.unflatten(1, (y.shape[2], -1)).transpose(1, 2)
    return found


def _sequence(outputs: Tensor, y: Tensor) -> Tensor:
    return _cross_entropy(_by_answer(outputs, y), y.mT).mean(dim=1)


def _sequence_error(outputs: Tensor, y: Tensor) -> Tensor:
    return (_by_answer(outputs, y).argmax(dim=1) != y.mT).to(outputs.dtype).mean(dim=1)


def _sequence_grad(outputs: Tensor, y: Tensor) -> Tensor:
    grad = _cross_entropy_grad(_by_answer(outputs, y), y.mT) / y.shape[2]
    return grad.transpose(1, 2).flatten(1, 2)


def _squares(outputs: Tensor, y: Tensor) -> Tensor:
    return (outputs - y.mT).square().mean(dim=1)


def _hinge(outputs: Tensor, y: Tensor) -> Tensor:
    return (1 - outputs * y.mT).clamp(min=0).mean(dim=1)


def _hinge_grad(outputs: Tensor, y: Tensor) -> Tensor:
    return torch.where(outputs * y.mT <= 1, -y.mT / outputs.shape[1], 0.0)


LOSSES = {
    "cross-entropy": Loss(
        each=_cross_entropy, error=lambda outputs, y: outputs.argmax(dim=1) != y, grad=_cross_entropy_grad
    ),
    "mse": Loss(each=_squares, error=_squares, grad=lambda outputs, y: (outputs - y.mT) * (2 / outputs.shape[1])),
    "hinge": Loss(
        each=_hinge, error=lambda outputs, y: (outputs * y.mT <= 0).to(outputs.dtype).mean(dim=1), grad=_hinge_grad
    ),
    "sequence": Loss(each=_sequence, error=_sequence_error, grad=_sequence_grad),
}
