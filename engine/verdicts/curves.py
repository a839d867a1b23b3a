"""The curves that are judged: every run's metrics at every eval point, and how each run ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.spec.result import METRICS
from engine.spec.run import RunSpec

Array = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Rows are eval points, those of one run together and its steps rising."""

    runs: tuple[RunSpec, ...]
    """Those that have points; more than one sweep's, where the runs that settle a verdict are among them."""
    run: Places
    """(rows,): the place in `runs`."""
    step: NDArray[np.int64]
    """(rows,): optimizer steps taken."""
    metrics: Mapping[str, Array]
    """(rows,) each, by the names of engine.spec.result.METRICS; NaN where nothing was measured."""

    @classmethod
    def of(cls, table: Mapping[str, Any], runs: Sequence[RunSpec]) -> Self:
        """Return the curves in a table with a row per run and eval point, as store.results.queries.curves gives it.

        `table` holds arrays by name, as a DataFrame does: key, step, and any of METRICS; keys that none of `runs` has
        are left out.
        Raises: ValueError: for a column that is missing.
        """
        for name in ("key", "step", "train_loss"):
            if name not in table:
                raise ValueError(f"column={name} is missing; allowed: a table with key, step and metrics.")
        places = {run.key: place for place, run in enumerate({run.key: run for run in runs}.values())}
        place = np.array([places.get(key, -1) for key in table["key"]], dtype=np.intp)
        step = np.asarray(table["step"], dtype=np.int64)
        order = np.lexsort([step, place])
        order = order[place[order] >= 0]
        seen, run = np.unique(place[order], return_inverse=True)
        listed = list({run.key: run for run in runs}.values())
        return cls(
            runs=tuple(listed[i] for i in seen),
            run=run.astype(np.intp),
            step=step[order],
            metrics={name: np.asarray(table[name], dtype=np.float64)[order] for name in METRICS if name in table},
        )

    @cached_property
    def ends(self) -> Places:
        """(runs,): the row of each run's last point."""
        return np.flatnonzero(np.diff(self.run, append=len(self.runs))).astype(np.intp)

    @cached_property
    def diverged(self) -> NDArray[np.bool_]:
        """(runs,): whether the loss stopped being a finite number."""
        return ~np.isfinite(self.metrics["train_loss"][self.ends])

    @cached_property
    def finished(self) -> NDArray[np.bool_]:
        """(runs,): whether it was trained to its last step without diverging."""
        steps = np.array([run.steps for run in self.runs], dtype=np.int64)
        return ~self.diverged & (self.step[self.ends] >= steps)

    def values(self, metric: str) -> Array:
        """Return a metric (rows,); one that nobody measured is all NaN."""
        return self.metrics.get(metric, np.full(len(self.run), np.nan))
