"""Fits that the page shows, and curves they need, each computed or read once and then cached."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from engine.laws import catalog, optimum
from engine.laws.observations import Observations
from engine.laws.optimum import Plan
from engine.laws.result import Fit
from engine.spec.sweep import SweepSpec
from pages.ui.cached import by_generation
from pages.ui.grid import grid
from pages.ui.laws.question import Asked
from store.db.connection import Database
from store.imports import collections
from store.results import queries

BOOTSTRAP = 200
"""Samples for the intervals; of very many rows fewer, so that a fit stays a matter of seconds."""
_ROWS_TIMES_SAMPLES = 60_000
LEVEL = 0.9
_BUDGETS = 60
"""Number of amounts of compute at which a frontier is drawn."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """Observations that are equal where all their numbers are."""

    rows: Observations
    digest: bytes

    @classmethod
    def of(cls, rows: Observations) -> "_Rows":
        digest = hashlib.sha256(str(rows.dropped).encode())
        for values in (rows.n, rows.loss, rows.d, rows.unique, rows.run, rows.row):
            digest.update(b"none" if values is None else values.tobytes())
        return cls(rows, digest.digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def fitted(asked: Asked, rows: Observations) -> Fit:
    """Return the law that is asked for, fitted to `rows`. Raises: ValueError: as engine.laws.catalog.fit."""
    return _fitted(asked.law, asked.breaks, _Rows.of(rows))


@lru_cache(maxsize=32)
def _fitted(law: str, breaks: int, keyed: _Rows) -> Fit:
    samples = max(40, min(BOOTSTRAP, _ROWS_TIMES_SAMPLES // len(keyed.rows)))
    return catalog.fit(law, keyed.rows, bootstrap=samples, level=LEVEL, breaks=breaks)


def comparable(rows: Observations) -> tuple[str, ...]:
    """Return the laws that predict the loss from what `rows` have, and the flat line."""
    return ("flat", *catalog.comparable(rows))


def ranked(law: str, rows: Observations) -> catalog.Ranked:
    """Return the law with its error on the largest, held out: of every law the same rows."""
    return _ranked(law, _Rows.of(rows))


@lru_cache(maxsize=64)
def _ranked(law: str, keyed: _Rows) -> catalog.Ranked:
    return next(one for one in catalog.compare([law], keyed.rows) if one.name == law)


def plan(fit: Fit, more: float) -> Plan:
    """Return what to train with `more` times the largest budget seen. Raises: as engine.laws.optimum.for_budget."""
    return optimum.for_budget(fit, more * float(fit.observations.compute.max()))


def frontier(fit: Fit, more: float) -> pd.DataFrame:
    """Return the compute-optimal runs from the smallest budget seen to `more` times the largest.

    Columns: compute, and of n, d and loss the value, `_low` and `_high`. Raises: as engine.laws.optimum.for_budget.
    """
    seen = fit.observations.compute
    rows = []
    for compute in np.geomspace(seen.min(), more * seen.max(), _BUDGETS):
        best = optimum.for_budget(fit, float(compute))
        row = {"compute": float(compute)}
        for name in ("n", "d", "loss"):
            one = getattr(best, name)
            row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        rows.append(row)
    return pd.DataFrame(rows)


@by_generation(maxsize=4)
def curves(db: Database, sweep: SweepSpec) -> pd.DataFrame:
    """Return one row per run of `sweep` and eval point; see store.results.queries.curves. Not to be changed."""
    return queries.curves(db, grid(sweep).runs)


@lru_cache(maxsize=4)
def imported_curves(db: Database, import_id: str) -> pd.DataFrame:
    """Return the runs of an imported collection with their curves; an id names the same runs for ever."""
    return collections.runs_of(db, import_id)
