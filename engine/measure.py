"""What is measured of every model of a bucket at an eval point: all from its logits and its two norms."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.net.device_data import DeviceData, Examples
from engine.net.losses import LOSSES
from engine.net.reader import EVAL_ROWS, Reader
from engine.spec import METRICS, EvalPoint, RunSpec


def measure(runs: tuple[RunSpec, ...], model: Reader, data: DeviceData, step: int) -> tuple[EvalPoint, ...]:
    """Return what `model` has learned after `step` steps: one point per run."""
    weight_norm, gradient_norm = model.norms()
    found = _train(model, data) | _validation(model, data) | _test(model, data)
    found |= {"weight_norm": weight_norm, "gradient_norm": gradient_norm}
    table = torch.stack([found[name] for name in METRICS], dim=1).tolist()
    return tuple(EvalPoint(key=run.key, step=step, metrics=tuple(row)) for run, row in zip(runs, table, strict=True))


def _train(model: Reader, data: DeviceData) -> dict[str, Tensor]:
    """Measure against the labels as given; no example of a kind makes that kind's error NaN."""
    split = data.train
    loss, error, flipped = model.loss_and_error(split, data.which)
    if model.task.loss == "mse":  # no answer is simply right or wrong
        flipped = torch.full_like(flipped, torch.nan)
    others = _zeros(data) if split.moved is None else split.moved[data.which].sum(dim=1)
    return {
        "train_loss": loss,
        "train_error": error,
        "clean_error": (error * split.count - flipped) / (split.count - others),
        "flipped_error": flipped / others,
    }


def _validation(model: Reader, data: DeviceData) -> dict[str, Tensor]:
    loss, error, _ = model.loss_and_error(data.val, data.which)
    return {"val_loss": loss, "val_error": error}


def _test(model: Reader, data: DeviceData) -> dict[str, Tensor]:
    """Measure the Brier score, (p − one-hot)² summed over classes, and what each class gets right, too.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950.
    """
    if model.task.loss != "cross-entropy":
        loss, error, _ = model.loss_and_error(data.test, data.which)
        nothing = torch.full_like(loss, torch.nan)
        classes = dict.fromkeys(("test_brier", "test_macro_recall", "test_macro_f1"), nothing)
        exact = _exact(model, data) if model.task.loss == "sequence" else nothing
        return {"test_loss": loss, "test_error": error, "test_exact": exact} | classes
    loss = brier = _zeros(data)
    hits, answers, labels = torch.zeros(3, len(data.which), model.task.outputs, dtype=torch.float64, device=loss.device)
    for y, logits in _chunks(model, data.test, data.which):
        real, answer = (y >= 0).double(), logits.argmax(dim=1)
        hits.scatter_add_(1, answer, (answer == y).double())
        answers.scatter_add_(1, answer, real)
        labels.scatter_add_(1, y.clamp(min=0), real)
        log_shares = F.log_softmax(logits, dim=1)
        each = F.nll_loss(log_shares, y, reduction="none", ignore_index=-1)
        loss = loss + each.sum(dim=1, dtype=torch.float64)
        squares = log_shares.exp_().square_().sum(dim=1) - 2 * torch.exp(-each) + 1
        brier = brier + (squares.double() * real).sum(dim=1)
    count, there = data.test.count, labels > 0
    return {
        "test_loss": loss / count,
        "test_error": (count - hits.sum(dim=1)) / count,
        "test_brier": brier / count,
        "test_macro_recall": (hits / labels).where(there, 0).sum(dim=1) / there.sum(dim=1),
        "test_macro_f1": (2 * hits / (answers + labels)).where(there, 0).sum(dim=1) / there.sum(dim=1),
        "test_exact": torch.full_like(loss, torch.nan),
    }


def _exact(model: Reader, data: DeviceData) -> Tensor:
    """Return the share of test examples (models,) with every answer right; empty rows, of class −1, never are."""
    right, test = _zeros(data), data.test
    for start in range(0, test.count, EVAL_ROWS):
        rows = slice(start, start + EVAL_ROWS)
        wrong = LOSSES["sequence"].error(model.logits(test.x[data.which, rows]), test.y[data.which, rows])
        right = right + (wrong == 0).sum(dim=1)
    return right / test.count


def _chunks(model: Reader, split: Examples, which: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield labels (models, rows) and logits (models, classes, rows); labels of empty rows are −1."""
    for start in range(0, split.count, EVAL_ROWS):
        rows = slice(start, start + EVAL_ROWS)
        yield split.y[which, rows], model.logits(split.x[which, rows])


def _zeros(data: DeviceData) -> Tensor:
    return torch.zeros(len(data.which), dtype=torch.float64, device=data.which.device)
