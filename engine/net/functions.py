"""Operations on all models of a bucket whose gradients are written by hand, because autograd's would be slow.

Activations lie as (models, units, *places, rows), as in batched_net.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Convolution(Function):
    """Filters of 3 places a side over a grid whose edges are filled with zeros.

    With rows last, the places that each filter sees are laid out by copying whole stretches of rows, and one
    matrix product per model does the rest. A grouped convolution of torch would choose its kernel by the number of
    groups, and round a model's results by how many bucket-mates it has.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return (models, width, *grid, rows) of x (models, channels, *grid, rows) and weight (models, width, …)."""
        models, width = weight.shape[:2]
        grid = x.shape[2:-1]
        windows = F.pad(x, (0, 0) + (1, 1) * len(grid))
        for axis in range(len(grid)):
            windows = windows.unfold(2 + axis, 3, 1)
        taps = range(windows.dim() - len(grid), windows.dim())
        seen = windows.permute(0, 1, *taps, *range(2, windows.dim() - len(grid))).reshape(
            models, x.shape[1] * 3 ** len(grid), -1
        )
        out = x.new_empty(models, width, *grid, x.shape[-1])
        if bias is None:
            torch.bmm(weight.flatten(2), seen, out=out.view(models, width, -1))
        else:
            torch.baddbmm(bias[:, :, None], weight.flatten(2), seen, out=out.view(models, width, -1))
        ctx.save_for_backward(seen, weight)
        ctx.shape = x.shape
        return out

    @staticmethod
    @once_differentiable
    # pyrefly: ignore[bad-override]  torch passes a grad for each result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        """Return the gradients of x, weight and bias."""
        seen, weight = ctx.saved_tensors
        grad = grad.reshape(*weight.shape[:2], -1)
        of_weight = torch.bmm(grad, seen.mT).view(weight.shape)
        of_bias = grad.sum(dim=2) if ctx.needs_input_grad[2] else None
        if not ctx.needs_input_grad[0]:
            return None, of_weight, of_bias
        models, channels, *grid, rows = ctx.shape
        of_seen = torch.bmm(weight.flatten(2).mT, grad).view(models, channels, 3 ** len(grid), *grid, rows)
        padded = grad.new_zeros(models, channels, *(side + 2 for side in grid), rows)
        inner = padded
        for tap in range(3 ** len(grid)):
            window = padded
            for axis, side in enumerate(grid):
                window = window.narrow(2 + axis, tap // 3 ** (len(grid) - 1 - axis) % 3, side)
            window += of_seen[:, :, tap]
        for axis, side in enumerate(grid):
            inner = inner.narrow(2 + axis, 1, side)
        return inner.contiguous(), of_weight, of_bias


class PairMaximum(Function):
    """The maximum of every two neighbours along one axis; where they are equal, the gradient goes to the first."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: int) -> Tensor:
        """Return x with half as many places along `axis`, an odd last one left out."""
        ctx.shape, ctx.axis = x.shape, axis
        first, second = _pairs(x, axis)
        first_wins = first >= second
        ctx.save_for_backward(first_wins)
        return torch.maximum(first, second)

    @staticmethod
    @once_differentiable
    # pyrefly: ignore[bad-override]  torch passes a grad for each result
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of x."""
        (first_wins,) = ctx.saved_tensors
        of_x = grad.new_zeros(ctx.shape)
        first, second = _pairs(of_x, ctx.axis)
        torch.mul(grad, first_wins, out=first)
        torch.sub(grad, first, out=second)
        return of_x, None


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return Convolution of x."""
    result: Tensor = Convolution.apply(x, weight, bias)
    return result


def pair_maximum(x: Tensor, axis: int) -> Tensor:
    """Return PairMaximum of x."""
    result: Tensor = PairMaximum.apply(x, axis)
    return result


def standardized(x: Tensor, axes: tuple[int, ...], real: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return Standardize of x."""
    result: tuple[Tensor, Tensor, Tensor] = Standardize.apply(x, axes, real, eps)
    return result


def _pairs(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return views of the first and the second of every two neighbours along `axis`."""
    half = x.shape[axis] // 2
    paired = x.narrow(axis, 0, 2 * half).unflatten(axis, (half, 2))
    return paired.select(axis + 1, 0), paired.select(axis + 1, 1)


class Standardize(Function):
    """x with mean 0 and variance 1 over some axes, of which the rows, if among them, count only up to `real`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axes: tuple[int, ...], real: int, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return standardised x, mean and variance; these two have one place along `axes`."""
        numbers = math.prod(x[..., :real].shape[axis] for axis in axes)
        mean = x[..., :real].sum(axes, keepdim=True) / numbers
        centred = x - mean
        variance = centred[..., :real].square().sum(axes, keepdim=True) / numbers
        scale = torch.rsqrt(variance + eps)
        result = centred * scale
        ctx.save_for_backward(result, scale)
        ctx.axes, ctx.real, ctx.numbers = axes, real, numbers
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    # pyrefly: ignore[bad-override]  torch passes a grad for each result
    def backward(ctx: Any, grad: Tensor, *rest: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient of x; rows past `real` have none and give none."""
        result, scale = ctx.saved_tensors
        along = (grad * result).sum(ctx.axes, keepdim=True) / ctx.numbers
        of_x = grad - grad.sum(ctx.axes, keepdim=True) / ctx.numbers
        of_x -= result * along
        of_x *= scale
        of_x[..., ctx.real :] = 0
        return of_x, None, None, None
