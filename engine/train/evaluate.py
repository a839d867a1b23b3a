"""The metrics of every model of a bucket at an eval point."""

import torch
from torch import Tensor

from engine.net.device_data import DeviceData
from engine.net.losses import LOSSES
from engine.net.numerics import EVAL_ROWS
from engine.net.reader import Reader
from engine.spec.result import METRICS, EvalPoint
from engine.spec.run import RunSpec


def measure(runs: tuple[RunSpec, ...], model: Reader, data: DeviceData, step: int) -> tuple[EvalPoint, ...]:
    """Return the metrics of `model` after `step` steps: one point per run."""
    weight_norm, gradient_norm = model.norms()
    found = _train(model, data) | _validation(model, data) | _test(model, data)
    found |= {"weight_norm": weight_norm, "gradient_norm": gradient_norm}
    table = torch.stack([found[name] for name in METRICS], dim=1).tolist()
    return tuple(EvalPoint(key=run.key, step=step, metrics=tuple(row)) for run, row in zip(runs, table, strict=True))


def _train(model: Reader, data: DeviceData) -> dict[str, Tensor]:
    """Measure against the labels as given; an error over no examples is NaN."""
    split = data.train
    loss, error, flipped = model.loss_and_error(split, data.which)
    if model.task.loss == "mse":  # no answer is simply right or wrong
        flipped = torch.full_like(flipped, torch.nan)
    others = _zeros(data) if split.moved is None else split.moved.sum(dim=1)[data.which]
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
    if model.task.loss != "cross-entropy":
        loss, error, _ = model.loss_and_error(data.test, data.which)
        nothing = torch.full_like(loss, torch.nan)
        classes = dict.fromkeys(("test_brier", "test_macro_recall", "test_macro_f1"), nothing)
        exact = _exact(model, data) if model.task.loss == "sequence" else nothing
        return {"test_loss": loss, "test_error": error, "test_exact": exact} | classes
    found = model.classes(data.test, data.which)
    there = found.labels > 0
    recall, f1 = found.hits / found.labels, 2 * found.hits / (found.answers + found.labels)
    return {
        "test_loss": found.loss,
        "test_error": found.error,
        "test_brier": found.brier,
        "test_macro_recall": recall.where(there, 0).sum(dim=1) / there.sum(dim=1),
        "test_macro_f1": f1.where(there, 0).sum(dim=1) / there.sum(dim=1),
        "test_exact": torch.full_like(found.loss, torch.nan),
    }


def _exact(model: Reader, data: DeviceData) -> Tensor:
    """Return the share of test examples (models,) with every answer right; empty rows, of class −1, never are."""
    right, test = _zeros(data), data.test
    for start in range(0, test.count, EVAL_ROWS):
        rows = slice(start, start + EVAL_ROWS)
        wrong = LOSSES["sequence"].error(model.logits(test.x[data.which, rows]), test.y[data.which, rows])
        right = right + (wrong == 0).sum(dim=1)
    return right / test.count


def _zeros(data: DeviceData) -> Tensor:
    return torch.zeros(len(data.which), dtype=torch.float64, device=data.which.device)
