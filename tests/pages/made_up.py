"""Results that look like training, without training."""

from collections.abc import Iterable

import numpy as np

from engine.spec.count import count
from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import RunSpec, train_flops
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.library.sweeps import save_sweep
from store.results.spool import Spool, ingest


def result(run: RunSpec, state: RunState = RunState.FINISHED, error: str = "") -> RunResult:
    """Return a curve over three steps whose errors fall with width, and a little with the seed."""
    steps = tuple(sorted({1, max(run.steps // 2, 1), run.steps}))
    metrics = {}
    for name in METRICS:
        end = (
            1.0 / (run.width + 1) + 0.01 * run.seed + 0.1 * run.label_noise + (0.05 if name.startswith("test") else 0.0)
        )
        metrics[name] = tuple(float(v) for v in np.geomspace(0.9, max(end, 1e-3), len(steps)))
    return RunResult(
        spec=run,
        state=state,
        steps=steps,
        metrics=metrics,
        params=count(run).params,
        params_non_embedding=count(run).params,
        train_flops=train_flops(run),
        seconds=0.1,
        device="cpu",
        error=error,
    )


def put(db: Database, results: Iterable[RunResult]) -> None:
    """Hand results to the store as a worker does."""
    spool = Spool(db, "made-up")
    spool.put(list(results))
    spool.close()
    ingest(db)


def train(db: Database, sweep: SweepSpec, name: str = "") -> str:
    """Save `sweep` with a result for each run; return its id."""
    put(db, [result(run) for run in sweep.runs()])
    return save_sweep(db, sweep, name)
