"""What pages read from the store, cached until it changes; nobody may change what a read returns."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.curves import Curves
from pages.ui.cached import by_generation
from pages.ui.grid import grid
from pages.ui.progress import Progress
from store.db import integrity
from store.db.connection import Database
from store.imports import collections
from store.library import catalog, listing, sweeps
from store.results import queries


@by_generation(maxsize=32)
def table(db: Database, sweep: SweepSpec, at: str | int, by: str) -> pd.DataFrame:
    """Return one row per run that has begun, read `at` a point; see store.results.queries.runs_at."""
    return queries.runs_at(db, grid(sweep).runs, at, by)


def curves(db: Database, wanted: Sequence[RunSpec]) -> Curves:
    """Return the whole curves of runs, as far as they are there, in the form that verdicts take."""
    return Curves.of(queries.curves(db, wanted), wanted)


@by_generation(maxsize=32)
def progress(db: Database, sweep: SweepSpec) -> Progress:
    """Return how far `sweep` has come."""
    runs = grid(sweep).runs
    return Progress.of(runs, queries.progress(db, runs))


@by_generation(maxsize=32)
def steps(db: Database, sweep: SweepSpec) -> tuple[int, ...]:
    """Return all steps at which a run of `sweep` was measured, rising."""
    return tuple(queries.eval_steps(db, grid(sweep).runs))


@by_generation(maxsize=4)
def lost(db: Database) -> str:
    """Return in words what the store lacks that it held before; see store.db.integrity."""
    return integrity.lost(db)


@by_generation(maxsize=8)
def titles(db: Database, text: str = "") -> tuple[dict[str, str], int]:
    """Return the names of the newest saved sweeps that `text` finds, by id, and how many it finds."""
    return listing.titles(db, text)


@by_generation(maxsize=8)
def shelf_page(db: Database, text: str, tags: tuple[str, ...], archived: bool, sort: str, number: int) -> listing.Page:
    """Return a page of saved sweeps; see store.library.listing.page."""
    return listing.page(db, text, tags=tags, archived=archived, sort=sort, number=number, rows=listing.ROWS)


@by_generation(maxsize=8)
def names(db: Database, sweep_ids: tuple[str, ...]) -> dict[str, str]:
    """Return the name of each of these sweeps that is there, in their order."""
    return listing.names(db, sweep_ids)


@by_generation(maxsize=8)
def described(db: Database, sweep_id: str) -> dict[str, Any]:
    """Return what the store knows of a sweep; see store.library.catalog.describe."""
    return catalog.describe(db, sweep_id)


@by_generation(maxsize=4)
def tags(db: Database) -> dict[str, int]:
    """Return how many sweeps have each tag, the most used first."""
    return listing.tags(db)


@by_generation(maxsize=4)
def imported(db: Database) -> pd.DataFrame:
    """Return the imported collections, newest first; see store.imports.collections.imports."""
    return collections.imports(db)


@lru_cache(maxsize=16)
def imported_runs(db: Database, import_id: str) -> pd.DataFrame:
    """Return the runs of an imported collection without their curves; an id names the same runs for ever."""
    return collections.runs_of(db, import_id, curves=False)


@lru_cache(maxsize=64)
def saved(db: Database, sweep_id: str) -> SweepSpec:
    """Return a saved sweep; an id names the same runs for ever."""
    return sweeps.load_sweep(db, sweep_id)
