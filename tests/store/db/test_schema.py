"""Stores of other versions: older ones are brought up to date and keep their runs, newer ones are refused."""

import dataclasses
import json
import math
from pathlib import Path

import duckdb
import pytest

from engine.spec.result import RunState
from engine.spec.run import ENGINE_VERSION
from store.db import schema
from store.db.connection import Database
from store.db.errors import StoreError
from store.home import open_database
from store.results import queries, runs, spool
from store.results.rows import CURVE_COLUMNS, RUN_COLUMNS, SETTING_COLUMNS, as_table
from tests.store.fakes import RUNS, as_json, result


def test_a_store_of_a_newer_version_is_refused(db: Database) -> None:
    with db.writing() as con:
        con.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", [str(schema.NEWEST + 1)])
    with pytest.raises(StoreError, match=r"newer Scalescope .* update Scalescope"):
        open_database(db.home)


def test_an_older_store_is_brought_up_to_date(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.Spool(db, "w").put([result(RUNS[0])])
    spool.ingest(db)
    added = (*schema.MIGRATIONS, "ALTER TABLE runs ADD COLUMN note VARCHAR DEFAULT 'none'")
    monkeypatch.setattr(schema, "MIGRATIONS", added)
    monkeypatch.setattr(schema, "NEWEST", len(added))
    with open_database(db.home).reading() as con:
        assert con.execute("SELECT note FROM runs").fetchall() == [("none",)]
        assert schema.version(con) == len(added)


def test_a_store_from_before_the_second_migration_keeps_its_runs(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        patch.setattr(schema, "NEWEST", 1)
        old = open_database(tmp_path / "old")
        columns = {
            "runs": RUN_COLUMNS,
            "curves": [n for n in CURVE_COLUMNS if n not in ("point_seconds", "test_exact")],
        }
        with old.writing() as con:
            con.register("incoming", as_table([(1, result(RUNS[0])), (2, result(RUNS[1]))]))
            for table, names in columns.items():
                numbered = f"row_number() OVER () AS run_id, {', '.join(names)}"
                con.execute(f"INSERT INTO {table} BY NAME SELECT {numbered} FROM incoming")
            con.execute("SELECT nextval('run_ids') FROM range(2)")
    old = open_database(old.home)
    assert runs.missing(old, RUNS[:3]) == [RUNS[2]]
    spool.Spool(old, "w").put([result(RUNS[2])])
    spool.ingest(old)
    spool.Spool(db, "w").put([result(run) for run in RUNS[:3]])
    new, points = queries.curves(db, RUNS), queries.curves(old, RUNS)
    assert points.drop(columns="seconds").equals(new.drop(columns="seconds"))
    assert points["seconds"].isna().sum() == 10


def test_a_migration_that_fails_leaves_the_store_as_it_was(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (*schema.MIGRATIONS, "ALTER TABLE runs ADD COLUMN note VARCHAR; SELECT error('broken')")
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    monkeypatch.setattr(schema, "NEWEST", len(broken))
    with pytest.raises(duckdb.Error, match="broken"):
        open_database(db.home)
    monkeypatch.undo()
    with db.reading() as con:
        assert schema.version(con) == schema.NEWEST
        assert "note" not in [row[0] for row in con.execute("DESCRIBE runs").fetchall()]


def test_curves_of_version_5_become_narrow_and_nothing_is_lost(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [result(RUNS[0]), result(RUNS[1], RunState.DIVERGED), result(RUNS[2], RunState.FAILED, 0, error="No.")]
    made += [result(run, seconds=float(run.width), point_seconds=()) for run in RUNS[3:5]]
    made[0] = dataclasses.replace(made[0], metrics={**made[0].metrics, "flipped_error": (math.nan,) * 5})
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:5])
        patch.setattr(schema, "NEWEST", 5)
        old = open_database(tmp_path / "old")
        with old.writing() as con:
            con.execute("INSERT INTO sweeps (sweep_id, name, settings, created) VALUES ('s', 'S', '{}', now())")
            for number, one in enumerate(made):
                row = as_json(one)
                config = row.pop("config")
                own = {name: config[name] for name in SETTING_COLUMNS}
                own |= {
                    "config": json.dumps(config, sort_keys=True),
                    "engine_version": ENGINE_VERSION,
                    "created": "2026-01-01",
                }
                whole = {"run_id": number} | row | own
                for table, names in (("runs", RUN_COLUMNS), ("curves", CURVE_COLUMNS)):
                    columns = ["run_id", *names]
                    marks = ", ".join("?" for _ in columns)
                    con.execute(
                        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})",
                        [whole[name] for name in columns],
                    )
                con.execute("INSERT INTO sweep_runs VALUES ('s', ?)", [row["key"]])
    old = open_database(old.home)
    spool.Spool(db, "w").put(made)
    spool.ingest(db)
    for ask in (queries.curves, queries.runs_at, queries.progress):
        assert ask(old, RUNS).equals(ask(db, RUNS))
    assert runs.missing(old, RUNS) == [RUNS[2], *RUNS[5:]]
    tables = []
    for store in (old, db):
        with store.reading() as con:
            kept = ", ".join(name for name in (*RUN_COLUMNS, *CURVE_COLUMNS) if name != "created")
            tables.append(con.execute(f"SELECT {kept} FROM runs JOIN curves USING (run_id) ORDER BY key").fetchall())
            assert con.execute("SELECT count(*) FROM measured WHERE flipped_error IS NULL").fetchall() == [(2,)]
            assert con.execute("SELECT count(*) FROM clocks").fetchall() == [(3,)]
            heads = con.execute("SELECT key, head FROM runs UNION ALL SELECT key, head FROM sweep_runs").fetchall()
            assert all(head == int(key[:16], 16) for key, head in heads)
    assert len(tables[0]) == 5
    assert tables[0] == tables[1]
