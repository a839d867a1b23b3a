"""The curves that verdicts are about: every run's metrics at every eval point, and how each run ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.base.language import _
from engine.spec.result import METRICS
from engine.spec.run import RunSpec

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """A row per eval point: the rows of one run stand together, in the order of their steps."""

    runs: tuple[RunSpec, ...]
    """The runs that have eval points; of more than one sweep, where follow-up runs are among them."""
    run: Indices
    """(rows,): index into `runs`."""
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
                raise ValueError(
                    _("column={column} is missing; allowed: a table with key, step and metrics.", column=name)
                )
        by_key = {run.key: run for run in runs}
        indices = {key: index for index, key in enumerate(by_key)}
        index = np.array([indices.get(key, -1) for key in table["key"]], dtype=np.intp)
        step = np.asarray(table["step"], dtype=np.int64)
        order = np.lexsort([step, index])
        order = order[index[order] >= 0]
        seen, run = np.unique(index[order], return_inverse=True)
        listed = list(by_key.values())
        return cls(
            runs=tuple(listed[i] for i in seen),
            run=run.astype(np.intp),
            step=step[order],
            metrics={name: np.asarray(table[name], dtype=np.float64)[order] for name in METRICS if name in table},
        )

    @cached_property
    def ends(self) -> Indices:
        """(runs,): the row of each run's last eval point."""
        return np.flatnonzero(np.diff(self.run, append=len(self.runs))).astype(np.intp)

    @cached_property
    def diverged(self) -> NDArray[np.bool_]:
        """(runs,): whether the loss stopped being a finite number."""
        return ~np.isfinite(self.metrics["train_loss"][self.ends])

    @cached_property
    def finished(self) -> NDArray[np.bool_]:
        """(runs,): whether the run was trained to its last step without diverging."""
        steps = np.array([run.steps for run in self.runs], dtype=np.int64)
        return ~self.diverged & (self.step[self.ends] >= steps)

    def values(self, metric: str) -> Array:
        """Return a metric (rows,); all NaN where it was not measured."""
        return self.metrics.get(metric, np.full(len(self.run), np.nan))
