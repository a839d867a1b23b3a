"""Groups runs into buckets of equal shape, shares them out, and predicts what they cost."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from engine.base.language import _
from engine.net.kernel.program import follows
from engine.plan.cost import SHARED, WORKER_START, bucket_seconds
from engine.spec.count import count
from engine.spec.run import RunSpec

BUCKET_BYTES = 6 * 2**20
"""Most memory that the models of one bucket work on: beyond a few MB, training one after the other is as fast."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Runs of one shape that train together."""

    runs: tuple[RunSpec, ...]
    seconds: float
    """Predicted seconds on one worker."""


def buckets(runs: Sequence[RunSpec], workers: int) -> list[Bucket]:
    """Return `runs` grouped by shape and cut to size, the longest predicted first.

    A group that takes longest is cut further, so that each of `workers` gets a part of it.
    """
    groups: dict[tuple[object, ...], list[RunSpec]] = {}
    for run in runs:
        groups.setdefault(shape(run), []).append(run)
    total = sum(bucket_seconds(group) for group in groups.values())
    made = []
    for group in groups.values():
        fitting = max(1, BUCKET_BYTES // _bytes_per_model(group[0]))
        if bucket_seconds(group) > max(total / workers, 2.0):
            fitting = min(fitting, -(-len(group) // workers))
        parts = -(-len(group) // fitting)
        for i in range(parts):
            part = tuple(group[i * len(group) // parts : (i + 1) * len(group) // parts])
            made.append(Bucket(runs=part, seconds=bucket_seconds(part)))
    return sorted(made, key=lambda bucket: -bucket.seconds)


def share(planned: Sequence[Bucket], workers: int, worker: int) -> list[Bucket]:
    """Return the buckets of one worker when each bucket, in order, goes to the worker that has least so far."""
    loads = [0.0] * workers
    mine = []
    for bucket in planned:
        least = loads.index(min(loads))
        loads[least] += bucket.seconds
        if least == worker:
            mine.append(bucket)
    return mine


def shape(run: RunSpec) -> tuple[object, ...]:
    """Return the settings that runs of one bucket have in common; the rest are vectors along the model axis."""
    sizes = (run.width, run.depth, run.dataset_size, run.train_size, run.batch, run.steps, run.eval_examples)
    return (run.arch, run.dataset, *sizes, run.optimizer, follows(run), *run.options)


def predicted_seconds(runs: Sequence[RunSpec], workers: int | None = None) -> float:
    """Return the seconds of wall time that `runs` will take on this machine, with the start of the workers."""
    if not runs:
        return 0.0
    workers = workers or worker_count()
    planned = buckets(runs, workers)
    longest = max(sum(b.seconds for b in share(planned, workers, w)) for w in range(workers))
    return WORKER_START + longest * (SHARED if workers > 1 else 1.0)


def worker_count() -> int:
    """Return how many workers this machine feeds: one per GPU, else one per core; SCALESCOPE_WORKERS overrides."""
    if override := os.environ.get("SCALESCOPE_WORKERS"):
        if not override.isdecimal() or not 1 <= int(override) <= 1024:
            raise ValueError(
                _("SCALESCOPE_WORKERS={text} is not possible; allowed: a whole number from 1 to 1024.", text=override)
            )
        return int(override)
    return gpus() or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def gpus() -> int:
    """Return how many GPUs of NVIDIA the system lists, without torch; 0 on any system but Linux."""
    try:
        return len(os.listdir("/proc/driver/nvidia/gpus"))
    except OSError:
        return 0


def _bytes_per_model(run: RunSpec) -> int:
    """Return the bytes of weights, gradients, two moments and activations forward and backward, in float32."""
    return 16 * count(run).params + 4 * run.batch * (run.task.inputs + 3 * count(run).activations)
