"""Predicts how long buckets take to train on one worker."""

from collections.abc import Sequence

from engine.net.kernel.build import compiler
from engine.net.kernel.program import tape
from engine.spec.count import count
from engine.spec.run import RunSpec

WORKER_START = 3.0
"""Seconds until a worker takes its first step: most of it loads torch."""

SHARED = 1.2
"""Factor by which workers slow each other down: cores share cache and memory."""

# Microseconds on one core of a 3.3 GHz AMD EPYC (Zen 4), torch 2.13, float32: a non-negative least-squares
# fit to 130 timings of widths 4–512, depths 1–3, batches 32–256 and 1–32 models, right within ±25 % for
# eight in ten of them. Live estimates correct it by what the runs at hand have taken.
# tests/benchmarks/fit_costs.py fits them all again, and the constants of memory and checkpoint.
STEP, STEP_PER_LAYER = 119.0, 60.0

BATCHED = (18.5, 2.5e-3, 1.03e-5, 1.5e-3, 6.5e-4)
"""Microseconds per model, and per activation, FLOP, parameter and input."""

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
"""Factor for evaluation on top of training."""


def run_seconds(run: RunSpec) -> float:
    """Return the predicted seconds of a run that trains with two others in its bucket: its weight in progress."""
    return bucket_seconds((run, run, run)) / 3


def bucket_seconds(runs: Sequence[RunSpec]) -> float:
    """Return the predicted seconds on one worker of a bucket of `runs`, all of one shape."""
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
