"""Packs and the stores they come from and go to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.spec.sweep import SweepSpec
from store.commands.packs import chosen
from store.db.connection import Database
from store.exchange import pack
from store.results.spool import ingest

OTHER = SweepSpec.of({"width": (8, 16), "label_noise": 0.2, "seed": (0, 1), "steps": 100})


def export(db: Database, file: Path, sweeps: Sequence[str] = ()) -> Path:
    ingest(db)
    pack.write(file, *chosen(db, sweeps))
    return file


def content(db: Database) -> list[Any]:
    """Everything but the numbers of the runs, which say in what order they came."""
    with db.reading() as con:
        shown = con.execute("SELECT * EXCLUDE run_id FROM runs JOIN curves USING (run_id) ORDER BY key").fetchall()
        sweeps = con.execute("SELECT * FROM sweeps ORDER BY sweep_id").fetchall()
        keys = con.execute("SELECT * FROM sweep_runs ORDER BY ALL").fetchall()
        tags = con.execute("SELECT * FROM sweep_tags ORDER BY ALL").fetchall()
        meta = con.execute("SELECT * FROM meta WHERE name <> 'changes' ORDER BY name").fetchall()
    return [repr(part) for part in (shown, sweeps, keys, tags, meta)]
