"""How far the runs of a sweep are: what is missing, which share is done, how long the rest takes."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from engine.plan.buckets import predicted_seconds
from engine.plan.cost import run_seconds
from engine.spec.result import RunState
from engine.spec.run import RunSpec


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a sweep has come; not to be changed."""

    missing: tuple[RunSpec, ...]
    """The runs that the button Train would train."""
    seconds: float
    """Predicted seconds of training the missing runs from nothing."""
    table: pd.DataFrame
    """See store.results.queries.progress."""

    @classmethod
    def of(cls, runs: Iterable[RunSpec], table: pd.DataFrame) -> "Progress":
        """Return how far `runs` have come, by the table that store.results.queries.progress gives of them."""
        done = {key for key, state in zip(table["key"], table["state"], strict=True) if RunState(state).done}
        missing = tuple(run for run in runs if run.key not in done)
        return cls(missing=missing, seconds=predicted_seconds(missing), table=table)

    @property
    def training(self) -> bool:
        """Whether a worker trains one of these runs now, whoever asked for it."""
        return bool((self.table["state"] == RunState.RUNNING).any())

    @property
    def failed(self) -> frozenset[str]:
        """Keys of the runs that failed."""
        return frozenset(self.table["key"][self.table["state"] == RunState.FAILED])

    def done(self, wanted: Iterable[RunSpec]) -> float:
        """Return the share of the work on `wanted` that is done."""
        shares = dict(zip(self.table["key"], self.table["share"], strict=True))
        costs = {run.key: run_seconds(run) for run in wanted}
        done = sum(cost * shares.get(key, 0.0) for key, cost in costs.items())
        return done / sum(costs.values()) if costs else 1.0

    @property
    def seconds_left(self) -> float:
        """Return the seconds that the missing runs still take: as predicted, corrected by the pace so far."""
        return self.seconds * (1.0 - self.done(self.missing)) * self._pace()

    def _pace(self) -> float:
        """Return by how much training is slower than predicted, once enough of it is done to tell."""
        begun = self.table[self.table["state"] == RunState.RUNNING].set_index("key")
        expected = sum(run_seconds(run) * begun.at[run.key, "share"] for run in self.missing if run.key in begun.index)
        return max(0.2, min(5.0, begun["seconds"].sum() / expected)) if expected > 0.5 else 1.0
