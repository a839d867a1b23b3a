"""The runs of a sweep and their size: what is known of a sweep before any result."""

from dataclasses import dataclass
from functools import lru_cache

from engine.spec.count import count
from engine.spec.run import RunSpec, train_flops
from engine.spec.sweep import SweepSpec


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is known of a sweep without looking at results."""

    key: str
    runs: tuple[RunSpec, ...]
    params: tuple[int, int]
    """Parameters of the smallest and of the largest model."""
    flops: int
    """FLOPs of training all runs."""
    losses: frozenset[str]
    """What training minimises."""


@lru_cache(maxsize=64)
def grid(sweep: SweepSpec) -> Grid:
    """Return the runs of a sweep and their size. Raises: ValueError: for settings that do not go together."""
    made = sweep.runs()
    params = [count(run).params for run in made]
    flops = sum(train_flops(run) for run in made)
    losses = frozenset(run.task.loss for run in made)
    return Grid(key=sweep.key, runs=made, params=(min(params), max(params)), flops=flops, losses=losses)
