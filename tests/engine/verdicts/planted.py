"""Planted curves: what a sweep would have measured, made up, with and without what verdicts look for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.curves import Curves

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Mapping[str, Array]]
"""(chance, seeds) → metrics (seeds, sizes) at the end, or (seeds, sizes, steps)."""

WIDTHS = (4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512)
DIGITS: dict[str, Any] = {"dataset": "digits", "label_noise": 0.2, "width": WIDTHS}
DESCENT = np.array([0.262, 0.169, 0.186, 0.203, 0.262, 0.295, 0.273, 0.224, 0.190, 0.162, 0.151])
"""Test error of the opening sweep's widths."""
TRAINED = np.array([0.31, 0.24, 0.21, 0.18, 0.16, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0])
"""Their training error."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A sweep whose runs are made up; its sizes and seeds are those of the metrics that `curves` gets."""

    sweep: SweepSpec
    runs: tuple[RunSpec, ...]
    axis: str

    @classmethod
    def of(cls, seeds: int, axis: str = "width", **settings: Any) -> "Plan":
        """Return the plan with seeds 0 to `seeds` − 1."""
        sweep = SweepSpec.of(settings | {"seed": tuple(range(seeds))})
        sizes = sweep.values(axis)
        by_cell = {(run.seed, getattr(run, axis)): run for run in sweep.runs()}
        runs = tuple(by_cell[seed, size] for seed in range(seeds) for size in sizes)
        return cls(sweep=sweep, runs=runs, axis=axis)

    def curves(self, metrics: Mapping[str, Array], steps: tuple[int, ...] = ()) -> Curves:
        """Return the curves with these metrics (seeds, sizes) at the last step, or (seeds, sizes, steps)."""
        points = max(1, len(steps))
        given = {"train_loss": np.zeros(len(self.runs) * points)}
        given |= {
            name: np.broadcast_to(v.reshape(len(self.runs), -1), (len(self.runs), points)).ravel()
            for name, v in metrics.items()
        }
        return Curves(
            runs=self.runs,
            run=np.repeat(np.arange(len(self.runs)), points),
            step=np.tile(np.array(steps or (self.runs[0].steps,), dtype=np.int64), len(self.runs)),
            metrics=given,
        )


def noisy(mean: Array, spread: Array | float, chance: np.random.Generator, seeds: int, shared: float = 0.0) -> Array:
    """Return (seeds, …) of `mean` with normal noise of deviation `spread`, and a part that a seed's places share."""
    own = chance.normal(size=(seeds, *mean.shape)) * spread
    return np.asarray(mean + own + shared * chance.normal(size=(seeds, *(1,) * mean.ndim)))


def wandering(mean: Array, spread: float, chance: np.random.Generator, seeds: int, memory: float = 0.8) -> Array:
    """Return (seeds, sizes, steps) of `mean` (sizes, steps) with noise that outlasts an eval point by `memory`."""
    fresh = chance.normal(size=(seeds, *mean.shape))
    noise = np.empty_like(fresh)
    noise[..., 0] = fresh[..., 0]
    for step in range(1, mean.shape[-1]):
        noise[..., step] = memory * noise[..., step - 1] + np.sqrt(1 - memory**2) * fresh[..., step]
    return np.asarray(mean + spread * noise)


def eval_steps(last: int) -> tuple[int, ...]:
    """Return log-spaced steps, 12 a decade, as training measures them."""
    return (0, *sorted({round(float(s)) for s in np.geomspace(1, last, round(12 * np.log10(last)) + 1)}))


def learning(start: float, end: float, steps: Array, middle: Array, sharpness: float) -> Array:
    """Return an error that falls from `start` to `end` around the step `middle`, (…, steps)."""
    return np.asarray(end + (start - end) / (1 + (np.maximum(steps, 0.5) / middle[..., None]) ** sharpness))
