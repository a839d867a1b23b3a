"""The one store and the one queue of SCALESCOPE_HOME: opened once, and looked after."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
from pages.ui import text
from store.db import integrity
from store.db.connection import Database
from store.db.errors import StoreError, full
from store.home import open_database
from store.results.spool import ingest

_LINGER = 60.0
"""Seconds that idle workers stay: the next sweep then starts at once, without loading torch."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """What a page reads from and hands work to."""

    db: Database
    queue: Queue
    supervisor: Supervisor


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


def take_in(db: Database) -> str:
    """Move results from the spool into the tables; return in words why that cannot be, or "".

    Where it cannot be, reads find the results in the spool.
    """
    try:
        ingest(db)
    except StoreError as problem:
        return str(problem)
    return full(db.home)


def accept_loss(db: Database) -> None:
    """Take the store for whole as it is."""
    integrity.accept(db)
