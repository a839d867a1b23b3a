"""Groups runs into buckets of equal shape, shares them out, and predicts what they cost."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from engine.net.compiled import compiler
from engine.net.count import count
from engine.net.tape import follows, tape
from engine.spec import RunSpec

BUCKET_BYTES = 6 * 2**20
"""Most memory that the models of one bucket work on: beyond a few MB one model after the other is as fast."""

WORKER_START = 3.0
"""Seconds until a worker takes its first step: most of it loads torch."""

SHARED = 1.2
"""By how much workers slow each other down: cores share cache and memory."""

# Microseconds on one core of a 3.3 GHz AMD EPYC (Zen 4), torch 2.13, float32: a non-negative least-squares
# fit to 130 timings of widths 4–512, depths 1–3, batches 32–256 and 1–32 models, right within ±25 % for
# eight in ten of them. Live estimates correct it by what the runs at hand have taken.
STEP, STEP_PER_LAYER = 119.0, 60.0
BATCHED = (18.5, 2.5e-3, 1.03e-5, 1.5e-3, 6.5e-4)
"""Of a model, and per activation, FLOP, parameter and input."""

KERNEL = (0.8, 1.17e-3, 8.1e-6, 5.5e-4, 3.6e-4)
"""The same of the compiled kernel, which has no costs per step: a fit to 66 timings of widths 2–512, depths 1–3 and
batches 32–256 on digits and moons, right within ±20 % for eight in ten."""

KERNEL_OF = {
    "cnn": (2.2, 4.9e-4, 8.1e-6, 2.4e-3, 2.2e-5),
    **dict.fromkeys(("gru", "lstm"), (1.3, 4.8e-4, 8.9e-6, 0.0, 5.3e-4)),
    "transformer": (7.2, 4.7e-4, 1.06e-5, 7.7e-4, 0.0),
}
"""The same of architectures with rates of their own. CNN: a fit to 68 timings of widths 2–64, depths 1–3 and batches
32–256 on digits, MNIST-1D, moons and characters, right within ±30 % for 97 in a hundred. Recurrent ones: a fit to 192
timings of widths 2–200, depths 1–2 and batches 32–128 on the same data, right within ±30 % for nine in ten.
Transformer: a fit to 126 timings of widths 2–128, depths 1–3 and batches 16–128 on the same data and modular
arithmetic, contexts of 8 to 64 characters, right within ±20 % for nine in ten."""

AUGMENTATION = {"shift": 0.016, "rotate": 0.053, "augment_noise": 0.03, "mixup": 0.011}
"""Microseconds per input number of a batch that each of these adds, timed once with 16 models of 64 inputs."""

EVALUATION = 1.08
"""Evaluation on top of training, as a factor."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Runs of one shape that train together."""

    runs: tuple[RunSpec, ...]
    seconds: float
    """Predicted, on one worker."""


def buckets(runs: Sequence[RunSpec], workers: int) -> list[Bucket]:
    """Return `runs` grouped by shape and cut to size, the longest predicted first.

    One group is cut so that every one of `workers` gets a part of it when there is nothing else.
    """
    groups: dict[tuple[object, ...], list[RunSpec]] = {}
    for run in runs:
        groups.setdefault(shape(run), []).append(run)
    total = sum(_bucket_seconds(group) for group in groups.values())
    made = []
    for group in groups.values():
        fitting = max(1, BUCKET_BYTES // _bytes_per_model(group[0]))
        if _bucket_seconds(group) > max(total / workers, 2.0):
            fitting = min(fitting, -(-len(group) // workers))
        parts = -(-len(group) // fitting)
        for i in range(parts):
            part = tuple(group[i * len(group) // parts : (i + 1) * len(group) // parts])
            made.append(Bucket(runs=part, seconds=_bucket_seconds(part)))
    return sorted(made, key=lambda bucket: -bucket.seconds)


def share(planned: Sequence[Bucket], workers: int, worker: int) -> list[Bucket]:
    """Return the buckets of one worker when each bucket in turn goes to whoever has least so far."""
    loads = [0.0] * workers
    mine = []
    for bucket in planned:
        least = loads.index(min(loads))
        loads[least] += bucket.seconds
        if least == worker:
            mine.append(bucket)
    return mine


def shape(run: RunSpec) -> tuple[object, ...]:
    """Return what runs of one bucket have in common; the rest are vectors along the model axis."""
    sizes = (run.width, run.depth, run.dataset_size, run.train_size, run.batch, run.steps, run.eval_examples)
    return (run.arch, run.dataset, *sizes, run.optimizer, follows(run), *run.options)


def predicted_seconds(runs: Sequence[RunSpec], workers: int | None = None) -> float:
    """Return the wall time that `runs` are expected to take on this machine, workers' start included."""
    if not runs:
        return 0.0
    workers = workers or worker_count()
    planned = buckets(runs, workers)
    longest = max(sum(b.seconds for b in share(planned, workers, w)) for w in range(workers))
    return WORKER_START + longest * (SHARED if workers > 1 else 1.0)


def run_seconds(run: RunSpec) -> float:
    """Return the predicted seconds of a run that trains with two bucket-mates: a weight for progress."""
    return _bucket_seconds((run, run, run)) / 3


def worker_count() -> int:
    """Return how many workers this machine feeds: one per GPU, else one per core; SCALESCOPE_WORKERS overrides."""
    if override := os.environ.get("SCALESCOPE_WORKERS"):
        if not override.isdecimal() or not 1 <= int(override) <= 1024:
            raise ValueError(f"SCALESCOPE_WORKERS={override} is not possible; allowed: a whole number from 1 to 1024.")
        return int(override)
    return gpus() or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def gpus() -> int:
    """Return how many GPUs the system knows, without torch: NVIDIA's, on Linux; elsewhere 0."""
    try:
        return len(os.listdir("/proc/driver/nvidia/gpus"))
    except OSError:
        return 0


def _bucket_seconds(runs: Sequence[RunSpec]) -> float:
    run, models = runs[0], len(runs)
    counts = count(run)
    in_kernel = compiler() is not None and tape(run, True) is not None
    written = counts.activations - (counts.copied if in_kernel else 0)
    per_batch = (written, counts.flops_per_example, run.task.inputs)
    model, activation, flop, parameter, number = KERNEL_OF.get(run.arch, KERNEL) if in_kernel else BATCHED
    rates = zip((activation, flop, number), per_batch, strict=True)
    per_model = model + parameter * counts.params + run.batch * sum(rate * amount for rate, amount in rates)
    per_model += run.batch * run.task.inputs * sum(rate for name, rate in AUGMENTATION.items() if getattr(run, name))
    per_step = 0.0 if in_kernel else STEP + STEP_PER_LAYER * counts.layers
    return (per_step + models * per_model) * run.steps * EVALUATION / 1e6


def _bytes_per_model(run: RunSpec) -> int:
    """Return weights, gradients and two moments, and activations forward and backward, in float32."""
    return 16 * count(run).params + 4 * run.batch * (run.task.inputs + 3 * count(run).activations)
