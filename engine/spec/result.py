"""What training gives: eval points and results, and the metrics in them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from engine.spec.run import RunSpec

SCORES = ("train_loss", "val_loss", "test_loss", "train_error", "val_error", "test_error")
"""Losses per example (cross-entropy in nats, of a sequence the mean over its answers), errors as shares of wrong
answers, or of the split's variance that is left unexplained where the loss is mse."""


ACCURACY = {"cross-entropy": "accuracy", "hinge": "accuracy", "mse": "r2", "sequence": "accuracy"}
"""Name of 1 − error for each loss: a view, not stored."""


METRICS = (
    *SCORES,
    "clean_error",
    "flipped_error",
    "test_brier",
    "test_macro_recall",
    "test_macro_f1",
    "test_exact",
    "weight_norm",
    "gradient_norm",
)
"""The metrics that are measured at every eval point, NaN where there is nothing to measure; see docs/conventions.md.

`test_exact` is measured for sequences; for one answer it is 1 − test_error: a view, not stored, as accuracy is."""


class RunState(StrEnum):
    """State of a run."""

    QUEUED = "queued"
    """Submitted and waiting."""
    RUNNING = "running"
    """In training now."""
    FINISHED = "finished"
    """Trained to its last step."""
    DIVERGED = "diverged"
    """The loss stopped being a finite number: a result like any other."""
    FAILED = "failed"
    """Training raised an error; the result has its text."""

    @property
    def done(self) -> bool:
        """Whether there is a result that never changes."""
        return self in (RunState.FINISHED, RunState.DIVERGED)


@dataclass(frozen=True, kw_only=True)
class EvalPoint:
    """What was measured of one run after one step."""

    key: str
    """Key of the run."""
    step: int
    """Optimizer steps taken."""
    metrics: tuple[float, ...]
    """One value per metric, in the order of METRICS; not finite after a run has diverged."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """A run and what has been measured of it so far: what goes to the store."""

    spec: RunSpec
    state: RunState
    steps: tuple[int, ...] = ()
    """Steps of the eval points, rising."""
    metrics: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Per metric of METRICS, one value per eval point."""
    point_seconds: tuple[float, ...] = ()
    """The part of `seconds` up to each eval point; empty where it was not measured."""
    params: int = 0
    """All trainable parameters."""
    params_non_embedding: int = 0
    train_flops: float = 0.0
    """Floating-point operations of all training steps, a multiply-add counted as 2."""
    seconds: float = 0.0
    """Wall time of its bucket, divided by the runs in it."""
    device: str = ""
    """E.g. "cpu" or the name of the GPU."""
    error: str = ""
    """Why the run failed, in a sentence."""
    predictions: bytes = b""
    """Answers to the test set after the last step, as an .npz file; empty where they are not stored."""
    weights: bytes = b""
    """Parameters after the last step, as an .npz file; empty where keep_weights is off."""
