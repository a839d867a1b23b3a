"""Ctrl-C while DuckDB works is Ctrl-C, in whatever words DuckDB says it."""

import os
import signal
import threading

import duckdb
import pytest

from store.db.connection import Database
from store.db.errors import interruptible

LONG = "SELECT count(*) FROM range(100000) AS a, range(50000) AS b"
"""A query that takes seconds: where DuckDB leaves all of it to another thread, it hears Ctrl-C at the end only."""


def test_ctrl_c_in_the_middle_of_a_query_is_one(db: Database) -> None:
    def ask_long() -> None:
        with db.reading() as con:
            threading.Timer(0.2, con.interrupt).start()
            con.execute(LONG).fetchall()

    with pytest.raises(KeyboardInterrupt):
        ask_long()


def _ask_until_ctrl_c(con: duckdb.DuckDBPyConnection) -> None:
    pressing = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    pressing.start()
    con.execute(LONG).fetchall()
    pressing.join()  # on a machine so busy that it comes after the answer, it comes here


def test_ctrl_c_that_duckdb_notices_first_is_one(db: Database, heard: None) -> None:
    def ask_long() -> None:
        with db.reading() as con:
            _ask_until_ctrl_c(con)

    with pytest.raises(KeyboardInterrupt):
        ask_long()
    with db.reading() as con:
        assert con.execute("SELECT 1").fetchone() == (1,)


def test_ctrl_c_in_a_query_without_a_store_is_one(heard: None) -> None:
    def ask_long() -> None:
        with interruptible(), duckdb.connect() as con:
            _ask_until_ctrl_c(con)

    with pytest.raises(KeyboardInterrupt):
        ask_long()


def test_ctrl_c_while_duckdb_reads_a_table_is_one(db: Database) -> None:
    class Interrupted:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise KeyboardInterrupt

    def ask() -> None:
        with db.reading() as con:
            con.register("wanted", Interrupted())
            con.execute("FROM wanted").fetchall()

    with pytest.raises(KeyboardInterrupt):
        ask()
