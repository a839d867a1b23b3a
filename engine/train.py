"""Trains one bucket of runs and yields what it measures; no files, no globals."""

import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from engine.net.batched import Batched
from engine.net.device_data import DeviceData, Examples
from engine.net.losses import LOSSES
from engine.net.reference import Reference
from engine.randomness import BatchOrder
from engine.spec import EvalPoint, RunSpec

POINTS_PER_DECADE = 12
"""Eval points per factor of ten in steps; evaluation then costs a few per cent of training."""

PULSE = 0.1
"""Seconds after which train() yields even with nothing measured, so that its caller can pause or stop it."""

ORDER_CHUNK = 64
EVAL_ROWS = 512
"""Rows evaluated at a time: larger chunks fall out of a core's cache."""


def eval_steps(steps: int) -> tuple[int, ...]:
    """Return the steps after which a run is measured: 0, then log-spaced, the last always among them."""
    count = round(POINTS_PER_DECADE * math.log10(steps)) + 1 if steps > 1 else 1
    spaced = {round(float(s)) for s in np.geomspace(1, steps, count)}
    return (0, *sorted(spaced | {steps}))


def train(
    runs: tuple[RunSpec, ...],
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    reader: type[Batched] | type[Reference] = Batched,
) -> Iterator[tuple[EvalPoint, ...]]:
    """Train `runs`, all of one shape, and yield an EvalPoint per run at each of `eval_steps`.

    Between them an empty tuple comes about every PULSE seconds. Not asking for the next is a pause,
    and never asking again a stop. A run's points depend on its spec alone, whatever else is in `runs`.
    """
    steps = runs[0].steps
    data = DeviceData.of(runs, device, dtype)
    model = reader(runs, data)
    orders = [BatchOrder(run.seed, run.dataset_size, run.batch) for run in runs]
    measured_at = set(eval_steps(steps))
    yield measure(runs, model, data, 0)
    pulse = time.perf_counter()
    for first in range(0, steps, ORDER_CHUNK):
        chunk = min(ORDER_CHUNK, steps - first)
        rows = torch.from_numpy(np.stack([order.take(chunk) for order in orders], axis=1)).to(device)
        for step in range(first + 1, first + chunk + 1):
            model.step(rows[step - first - 1], step)
            if step in measured_at:
                yield (points := measure(runs, model, data, step))
                if not any(math.isfinite(point.metrics[0]) for point in points):
                    return  # every run has diverged
                pulse = time.perf_counter()
            elif time.perf_counter() - pulse > PULSE:
                yield ()
                pulse = time.perf_counter()


def measure(
    runs: tuple[RunSpec, ...], model: Batched | Reference, data: DeviceData, step: int
) -> tuple[EvalPoint, ...]:
    """Return what `model` has learned after `step` steps: one point per run."""
    losses, errors = zip(
        *(_loss_and_error(runs[0].task.loss, model, split, data.which) for split in (data.train, data.val, data.test)),
        strict=True,
    )
    table = torch.stack([*losses, *errors], dim=1).tolist()  # (models, metrics), in the order of METRICS
    return tuple(EvalPoint(key=run.key, step=step, metrics=tuple(row)) for run, row in zip(runs, table, strict=True))


def _loss_and_error(name: str, model: Batched | Reference, split: Examples, which: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean loss and the error of every model, each (models,)."""
    loss = error = torch.zeros(len(which), dtype=torch.float64, device=split.x.device)
    measured = LOSSES[name]
    for start in range(0, split.count, EVAL_ROWS):
        x, y = split.x[which, start : start + EVAL_ROWS], split.y[which, start : start + EVAL_ROWS]
        outputs = model.logits(x)  # (models, outputs, rows)
        there = torch.arange(start, start + x.shape[1], device=x.device) < split.count
        each, wrong = (torch.where(there, f(outputs, y), 0) for f in (measured.each, measured.error))
        loss = loss + each.sum(dim=1, dtype=torch.float64)
        error = error + wrong.sum(dim=1, dtype=torch.float64)
    return loss / split.count, error / split.count / split.variance[which]
