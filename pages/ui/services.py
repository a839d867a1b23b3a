"""The one store and the one queue, opened once, and what pages read from them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd
import streamlit as st

from engine.plan import memory
from engine.plan.buckets import predicted_seconds
from engine.plan.cost import run_seconds
from engine.queue.jobs import Job, Queue
from engine.queue.supervisor import Supervisor
from engine.spec.count import count
from engine.spec.result import RunState
from engine.spec.run import RunSpec, train_flops
from engine.spec.sweep import SweepSpec
from engine.verdicts.curves import Curves
from pages.ui import text
from store.db import integrity
from store.db.connection import Database
from store.db.errors import StoreError, full
from store.home import open_database
from store.imports import collections
from store.library import catalog, listing, sweeps
from store.results import queries, runs
from store.results.spool import ingest

_LINGER = 60.0
"""Seconds that idle workers stay: the next sweep then starts at once, without loading torch."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """What a page reads from and hands work to."""

    db: Database
    queue: Queue
    supervisor: Supervisor


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is known of a sweep without looking at results."""

    key: str
    runs: tuple[RunSpec, ...]
    params: tuple[int, int]
    """Of the smallest and the largest model."""
    flops: int
    """Of training all runs."""
    losses: frozenset[str]
    """What training minimises."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a sweep has come; not to be changed."""

    missing: tuple[RunSpec, ...]
    """What Train would train."""
    seconds: float
    """Predicted for the missing runs, from nothing."""
    table: pd.DataFrame
    """See store.results.queries.progress."""

    @property
    def training(self) -> bool:
        """Whether a worker is at one of these runs now, whoever asked it to."""
        return bool((self.table["state"] == "running").any())

    def done(self, wanted: Iterable[RunSpec]) -> float:
        """Return the share of the work on `wanted` that is done."""
        shares = dict(zip(self.table["key"], self.table["share"], strict=True))
        costs = {run.key: run_seconds(run) for run in wanted}
        done = sum(cost * shares.get(key, 0.0) for key, cost in costs.items())
        return done / sum(costs.values()) if costs else 1.0

    @property
    def seconds_left(self) -> float:
        """Return the seconds for the rest of what is missing: as predicted, corrected by the pace so far."""
        return self.seconds * (1.0 - self.done(self.missing)) * self._pace()

    def _pace(self) -> float:
        """Return by how much training is slower than predicted, once enough of it is done to tell."""
        begun = self.table[self.table["state"] == "running"].set_index("key")
        expected = sum(run_seconds(run) * begun.at[run.key, "share"] for run in self.missing if run.key in begun.index)
        return max(0.2, min(5.0, begun["seconds"].sum() / expected)) if expected > 0.5 else 1.0


def opened() -> Services:
    """Return the store and the queue of SCALESCOPE_HOME. Raises: StoreError: in words."""
    return _open(os.environ.get("SCALESCOPE_HOME", ""))


@st.cache_resource(show_spinner=False)
def _open(home: str) -> Services:
    db = open_database()
    queue = Queue(db.home)
    return Services(db=db, queue=queue, supervisor=Supervisor(queue, linger=_LINGER))


@contextmanager
def in_words() -> Iterator[None]:
    """Show what the store cannot do as its sentence."""
    try:
        yield
    except StoreError as problem:
        st.error(text.literal(str(problem)), icon=":material/database_off:")


@lru_cache(maxsize=64)
def grid(sweep: SweepSpec) -> Grid:
    """Return the runs of a sweep and their size. Raises: ValueError: for settings that do not go together."""
    made = sweep.runs()
    params = [count(run).params for run in made]
    flops = sum(train_flops(run) for run in made)
    losses = frozenset(run.task.loss for run in made)
    return Grid(key=sweep.key, runs=made, params=(min(params), max(params)), flops=flops, losses=losses)


# What the store answers holds until its generation changes.


def table(db: Database, sweep: SweepSpec, at: str | int, by: str) -> pd.DataFrame:
    """Return one row per run that has begun, read `at` a point; see queries.runs_at. Not to be changed."""
    return _table(db, db.generation(), sweep, at, by)


@lru_cache(maxsize=32)
def _table(db: Database, generation: tuple[int, ...], sweep: SweepSpec, at: str | int, by: str) -> pd.DataFrame:
    return queries.runs_at(db, grid(sweep).runs, at, by)


def curves(db: Database, wanted: Sequence[RunSpec]) -> Curves:
    """Return the whole curves of runs, as far as they are there, as verdicts are judged on."""
    return Curves.of(queries.curves(db, wanted), wanted)


def progress(db: Database, sweep: SweepSpec) -> Progress:
    """Return how far `sweep` has come."""
    return _progress(db, db.generation(), sweep)


@lru_cache(maxsize=32)
def _progress(db: Database, generation: tuple[int, ...], sweep: SweepSpec) -> Progress:
    table = queries.progress(db, grid(sweep).runs)
    done = {key for key, state in zip(table["key"], table["state"], strict=True) if RunState(state).done}
    missing = tuple(run for run in grid(sweep).runs if run.key not in done)
    return Progress(missing=missing, seconds=predicted_seconds(missing), table=table)


def take_in(db: Database) -> str:
    """Move results into the tables; return in words why that cannot be: pages read them from the spool then."""
    try:
        ingest(db)
    except StoreError as problem:
        return str(problem)
    return full(db.home)


def lost(db: Database) -> str:
    """Return in words what the store lacks that it held before; see store.db.integrity."""
    return _lost(db, db.generation())


@lru_cache(maxsize=4)
def _lost(db: Database, generation: tuple[int, ...]) -> str:
    return integrity.lost(db)


def accept_loss(db: Database) -> None:
    """Take the store for whole as it is."""
    integrity.accept(db)


def steps(db: Database, sweep: SweepSpec) -> tuple[int, ...]:
    """Return all steps at which a run of `sweep` was measured, rising."""
    return _steps(db, db.generation(), sweep)


@lru_cache(maxsize=32)
def _steps(db: Database, generation: tuple[int, ...], sweep: SweepSpec) -> tuple[int, ...]:
    return tuple(queries.eval_steps(db, grid(sweep).runs))


def titles(db: Database, text: str = "") -> tuple[dict[str, str], int]:
    """Return the names of the newest saved sweeps that `text` finds, by id, and how many it finds."""
    return _titles(db, db.generation(), text)


@lru_cache(maxsize=8)
def _titles(db: Database, generation: tuple[int, ...], text: str) -> tuple[dict[str, str], int]:
    return listing.titles(db, text)


def shelf_page(db: Database, text: str, tags: tuple[str, ...], archived: bool, sort: str, number: int) -> listing.Page:
    """Return a page of saved sweeps; see store.library.listing.page."""
    return _shelf_page(db, db.generation(), text, tags, archived, sort, number)


@lru_cache(maxsize=8)
def _shelf_page(
    db: Database, generation: tuple[int, ...], text: str, tags: tuple[str, ...], archived: bool, sort: str, number: int
) -> listing.Page:
    return listing.page(db, text, tags=tags, archived=archived, sort=sort, number=number, rows=listing.ROWS)


def names(db: Database, sweep_ids: tuple[str, ...]) -> dict[str, str]:
    """Return the name of each of these sweeps that is there, in their order."""
    return _names(db, db.generation(), sweep_ids)


@lru_cache(maxsize=8)
def _names(db: Database, generation: tuple[int, ...], sweep_ids: tuple[str, ...]) -> dict[str, str]:
    return listing.names(db, sweep_ids)


def described(db: Database, sweep_id: str) -> dict[str, Any]:
    """Return what the store knows of a sweep; see store.library.catalog.describe."""
    return _described(db, db.generation(), sweep_id)


@lru_cache(maxsize=8)
def _described(db: Database, generation: tuple[int, ...], sweep_id: str) -> dict[str, Any]:
    return catalog.describe(db, sweep_id)


def tags(db: Database) -> dict[str, int]:
    """Return how many sweeps have each tag, the most used first."""
    return _tags(db, db.generation())


@lru_cache(maxsize=4)
def _tags(db: Database, generation: tuple[int, ...]) -> dict[str, int]:
    return listing.tags(db)


def imported(db: Database) -> pd.DataFrame:
    """Return the imported collections, newest first; see store.imports.collections.imports. Not to be changed."""
    return _imported(db, db.generation())


@lru_cache(maxsize=4)
def _imported(db: Database, generation: tuple[int, ...]) -> pd.DataFrame:
    return collections.imports(db)


@lru_cache(maxsize=16)
def imported_runs(db: Database, import_id: str) -> pd.DataFrame:
    """Return the runs of an imported collection without their curves; an id names the same runs for ever."""
    return collections.runs_of(db, import_id, curves=False)


@lru_cache(maxsize=64)
def saved(db: Database, sweep_id: str) -> SweepSpec:
    """Return a saved sweep; an id names the same runs for ever."""
    return sweeps.load_sweep(db, sweep_id)


def job_of(queue: Queue, sweep: SweepSpec) -> Job | None:
    """Return the job that trains runs of this sweep, whoever submitted it; None when there is none."""
    keys = {run.key for run in grid(sweep).runs}
    return next((job for job in queue.jobs() if not keys.isdisjoint(job.keys)), None)


def active(services: Services, sweep: SweepSpec) -> bool:
    """Return whether anything trains this sweep or waits to: this app, another session, the command line."""
    job = job_of(services.queue, sweep)
    return (job is not None and not services.queue.paused(job)) or progress(services.db, sweep).training


def refusal(services: Services, wanted: Sequence[RunSpec]) -> str:
    """Return a sentence on a run that does not fit into this machine's memory; "" where each does."""
    return memory.refusal(wanted, services.supervisor.resident())


def train(services: Services, sweep: SweepSpec) -> None:
    """Save the sweep, submit what is missing of it, and start workers on it."""
    _submit(services, sweep, runs.missing(services.db, grid(sweep).runs))


def retry(services: Services, sweep: SweepSpec) -> None:
    """Train the failed runs of the sweep again."""
    table = progress(services.db, sweep).table
    failed = set(table["key"][table["state"] == RunState.FAILED])
    _submit(services, sweep, [run for run in grid(sweep).runs if run.key in failed])


def _submit(services: Services, sweep: SweepSpec, wanted: Sequence[RunSpec]) -> None:
    sweep_id = sweeps.save_sweep(services.db, sweep)
    runs.forget_failed(services.db, wanted)
    services.queue.submit(sweep_id, wanted)
    services.supervisor.tend()
