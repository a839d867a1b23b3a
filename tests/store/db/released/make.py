"""Makes the file of a released schema: `PYTHONPATH=. python PATH/make.py` in a checkout of the version that wrote it.

It uses only what every version of the store has offered, so it stays right for the next one: today's checkout, today's
file. A file that is here once never changes.
"""

import gzip
import importlib
import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb

FOLDER = Path(__file__).parent


def make(home: Path) -> Path:
    """Fill a store as a person would, and return the file of it, packed."""
    from engine.spec.result import METRICS, RunResult, RunState
    from engine.spec.run import ENGINE_VERSION
    from store.home import open_database
    from store.library import sweeps
    from store.results.spool import Spool, ingest
    from tests.store.fakes import RUNS, SWEEP, result

    os.environ["SCALESCOPE_GALLERY"] = str(home)  # an empty one
    db = open_database(home)
    left = {field.name for field in fields(RunResult)} & {"predictions", "weights"}
    states = [RunState.FAILED, RunState.DIVERGED] + [RunState.FINISHED] * (len(RUNS) - 2)
    made = []
    for run, state in zip(RUNS, states, strict=True):
        behind: dict[str, Any] = {name: name.encode() for name in left if state is RunState.FINISHED}
        made.append(result(run, state, error="The reason." if state is RunState.FAILED else "", **behind))
    Spool(db, "w").put(made)
    ingest(db)
    sweeps.save_sweep(db, SWEEP, "Mine")
    with suppress(ImportError):
        library = importlib.import_module("store.library.catalog")
        library.set_note(db, SWEEP.key, "Of another time.")
        library.add_tags(db, SWEEP.key, ["old", "kept"])
        library.archive(db, SWEEP.key, True)
    path = _packed(db.file)
    facts = {"engine_version": ENGINE_VERSION, "metrics": METRICS}  # on which keys and made-up values depend
    path.with_suffix("").with_suffix(".json").write_text(json.dumps(facts) + "\n")
    return path


def _packed(file: Path) -> Path:
    with duckdb.connect(str(file)) as con:
        con.execute("CHECKPOINT")
        ((version,),) = con.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchall()
    path = FOLDER / f"version-{version}.duckdb.gz"
    if path.exists():
        sys.exit(f"{path} is there: a released file never changes.")
    with file.open("rb") as source, path.open("wb") as target, gzip.GzipFile("", "wb", 9, target, mtime=0) as packing:
        shutil.copyfileobj(source, packing)
    return path


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(make(Path(name)))
