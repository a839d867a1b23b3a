"""Made-up results, the same for the same run, and processes that can be killed."""

import math
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import pandas as pd

from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.library import listing

SWEEP = SweepSpec.of({"width": (4, 8, 512), "label_noise": 0.2, "seed": (0, 1, 2), "steps": 100})
RUNS = SWEEP.runs()

# Its server imports everything once; a child is then there in milliseconds.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.store.test_kills"])


def result(run: RunSpec, state: RunState = RunState.FINISHED, points: int = 5, **rest: Any) -> RunResult:
    """Return a result with points at steps 0, 10, 20 …; a diverged one ends in values that are not finite."""
    metrics = {}
    for place, name in enumerate(METRICS):
        values = [(run.width + run.seed + place) / (step + 3) for step in range(points)]
        if state == RunState.DIVERGED:
            values[-1] = math.nan if place % 2 else math.inf
        metrics[name] = _kept(values)
    metrics["test_exact"] = _kept([1 - error for error in metrics["test_error"]])  # there is one answer
    known: dict[str, Any] = {"params": 11 * run.width, "train_flops": 1e6 * run.width, "seconds": 0.5, "device": "cpu"}
    known["point_seconds"] = tuple(0.1 * point for point in range(points))
    return RunResult(spec=run, state=state, steps=tuple(range(0, 10 * points, 10)), metrics=metrics, **known | rest)


def _kept(values: list[float]) -> tuple[float, ...]:
    """As the store keeps them: rounded to float32."""
    return tuple(np.array(values, np.float32).tolist())


def as_json(result: RunResult) -> dict[str, Any]:
    """Return the result as files of format 1 had it: what is not a finite number is null."""
    names = ("params", "params_non_embedding", "train_flops", "seconds", "device", "error")
    own: dict[str, Any] = {"key": result.spec.key, "config": result.spec.flat(), "state": str(result.state)}
    own |= {"step": list(result.steps), "point_seconds": list(result.point_seconds)}
    metrics = {name: [v if math.isfinite(v) else None for v in result.metrics.get(name, ())] for name in METRICS}
    return own | {name: getattr(result, name) for name in names} | metrics


def start(target: Callable[..., object], *args: object) -> BaseProcess:
    """Start `target` in a process of its own, with the environment of this moment."""
    process = _CONTEXT.Process(target=_with_environment, args=(dict(os.environ), target, *args), daemon=True)
    process.start()
    return process


def _with_environment(environment: dict[str, str], target: Callable[..., object], *args: object) -> None:
    os.environ.clear()  # the server that forks may be older than what a test has set
    os.environ.update(environment)
    target(*args)


def event() -> Any:
    """Return an event that processes share."""
    return _CONTEXT.Event()


def listed(db: Database) -> pd.DataFrame:
    """Every sweep there is, archived or not, the newest first."""
    return listing.page(db, archived=None, rows=10**6).rows
