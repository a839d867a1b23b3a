"""The learning rate of every step, from the spec alone."""

import math

from engine.spec.run import RunSpec


def rate(spec: RunSpec, step: int) -> float:
    """Return the learning rate of step `step`, from 1.

    It rises in a straight line from 0 to `lr` at step `warmup`. There, or at the first step without a warm-up, the
    schedule starts: cosine reaches final_lr × lr at the last step, inverse-sqrt is lr × sqrt(start / step).
    Source: cosine arXiv:1608.03983 §3 (without restarts); warm-up and inverse square root arXiv:1706.03762 §5.3.
    """
    if step < spec.warmup:
        return spec.lr * step / spec.warmup
    start = max(spec.warmup, 1)
    if spec.schedule == "cosine":
        done = (step - start) / (spec.steps - start) if spec.steps > start else 0.0
        return spec.lr * (spec.final_lr + (1 - spec.final_lr) * (1 + math.cos(math.pi * done)) / 2)
    if spec.schedule == "inverse-sqrt":
        return spec.lr * math.sqrt(start / step)
    return spec.lr
