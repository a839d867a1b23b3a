"""What training needs of a reader: models that take steps, and measure their loss and error."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.net.device_data import DeviceData, Examples
from engine.net.losses import LOSSES
from engine.net.numerics import EVAL_ROWS
from engine.spec.run import RunSpec
from engine.spec.task import Task


@dataclass(frozen=True, kw_only=True)
class Classes:
    """What every model answers to a split of classes, all float64."""

    loss: Tensor
    """(models,) mean loss."""
    error: Tensor
    """(models,) share of wrong answers."""
    brier: Tensor
    """(models,) the mean of (p − one-hot)², summed over classes. Source: G. W. Brier, "Verification of forecasts
    expressed in terms of probability", 1950."""
    hits: Tensor
    """(models, classes) answers that are right, by class."""
    answers: Tensor
    """(models, classes) how often each class is the answer."""
    labels: Tensor
    """(models, classes) how often it is the label."""


class Reader(ABC):
    """All models of a bucket in training."""

    parameters: dict[str, Tensor]
    task: Task

    @abstractmethod
    def __init__(self, runs: tuple[RunSpec, ...], data: DeviceData) -> None:
        """Begin with the initial weights of `runs`, all of one shape."""

    @abstractmethod
    def step(self, rows: Tensor, step: int) -> None:
        """Take optimizer step `step` on the examples `rows` (models, batch)."""

    @abstractmethod
    def logits(self, x: Tensor) -> Tensor:
        """Return logits (models, classes, n) of x (models, n, inputs) in evaluation mode."""

    @abstractmethod
    def norms(self) -> tuple[Tensor, Tensor]:
        """Return the norms of all parameters and of the last step's gradient, before clipping, each (models,) float64.

        The gradient is that of the loss with its penalties. Before the first step there is none: NaN.
        """

    def statistics(self) -> dict[str, Tensor]:
        """Return what evaluation uses beside the parameters, by name (models, …): the statistics of batch norms."""
        return {}

    def steps(self, rows: Tensor, first: int) -> None:
        """Take one step after the other on `rows` (steps, models, batch), the first of them step `first`."""
        for step, chosen in enumerate(rows, start=first):
            self.step(chosen, step)

    def loss_and_error(self, split: Examples, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean loss and the error of every model, and how much of the error, summed over examples, is on
        those whose label was flipped: each (models,).

        `which` (models,): the data set that each model sees, as an index along the first axis of `split`.
        """
        loss = error = flipped = torch.zeros(len(which), dtype=torch.float64, device=split.x.device)
        measured = LOSSES[self.task.loss]
        for start in range(0, split.count, EVAL_ROWS):
            rows = slice(start, start + EVAL_ROWS)
            x, y = split.x[which, rows], split.y[which, rows]
            outputs = self.logits(x)  # (models, outputs, rows)
            there = torch.arange(start, start + x.shape[1], device=x.device) < split.count
            each, wrong = (torch.where(there, f(outputs, y), 0) for f in (measured.each, measured.error))
            loss = loss + each.sum(dim=1, dtype=torch.float64)
            error = error + wrong.sum(dim=1, dtype=torch.float64)
            if split.moved is not None:
                flipped = flipped + (wrong * split.moved[which, rows]).sum(dim=1, dtype=torch.float64)
        return loss / split.count, error / split.count / split.variance[which], flipped

    def classes(self, split: Examples, which: Tensor) -> Classes:
        """Return how every model answers a split, class by class; `which` as in loss_and_error."""
        loss = brier = torch.zeros(len(which), dtype=torch.float64, device=split.x.device)
        hits, answers, labels = loss.new_zeros(3, len(which), self.task.outputs)
        for start in range(0, split.count, EVAL_ROWS):
            rows = slice(start, start + EVAL_ROWS)
            y, logits = split.y[which, rows], self.logits(split.x[which, rows])
            real, answer = (y >= 0).double(), logits.argmax(dim=1)  # labels of empty rows are −1
            hits.scatter_add_(1, answer, (answer == y).double())
            answers.scatter_add_(1, answer, real)
            labels.scatter_add_(1, y.clamp(min=0), real)
            log_shares = F.log_softmax(logits, dim=1)
            each = F.nll_loss(log_shares, y, reduction="none", ignore_index=-1)
            loss = loss + each.sum(dim=1, dtype=torch.float64)
            squares = log_shares.exp_().square_().sum(dim=1) - 2 * torch.exp(-each) + 1
            brier = brier + (squares.double() * real).sum(dim=1)
        error = (split.count - hits.sum(dim=1)) / split.count
        loss, brier = loss / split.count, brier / split.count
        return Classes(loss=loss, error=error, brier=brier, hits=hits, answers=answers, labels=labels)


class Resumable(Reader):
    """A reader whose state another of its kind can resume, bit for bit on a CPU."""

    @abstractmethod
    def changing(self) -> dict[str, Tensor]:
        """Return all that steps change and later steps read, (models, …) by name: the tensors themselves."""

    @torch.no_grad()
    def resume(self, arrays: Mapping[str, np.ndarray], step: int) -> None:
        """Go on after step `step` with `arrays` as the values of `changing`."""
        for name, values in self.changing().items():
            values.copy_(torch.from_numpy(arrays[name]))
