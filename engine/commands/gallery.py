"""The command that trains presets from nothing into the results that ship: `gallery`."""

import argparse
import os
import platform
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from engine.base.language import _, _n
from engine.commands.sweep import train_missing
from engine.plan.buckets import worker_count
from engine.spec import registry
from engine.spec.sweep import SweepSpec
from store.commands.frame import Commands


def add_command(commands: Commands) -> None:
    """Add `gallery` to the commands of a parser."""
    gallery = commands.add_parser("gallery", help=_("train presets from nothing into the results that ship"))
    gallery.add_argument("preset", nargs="*", metavar="PRESET", help=_("names from `list`; all of them when none"))
    gallery.add_argument("--folder", type=Path, default=Path("store/gallery"), help=_("where the files go"))
    gallery.set_defaults(run=_gallery)


def _gallery(options: argparse.Namespace) -> int:
    from store.exchange.gallery import export_gallery
    from store.home import open_database
    from store.library import sweeps
    from store.results.spool import ingest

    if not options.folder.is_dir():
        raise ValueError(
            _(
                "--folder {folder} is not there; allowed: a folder that is, for the files of results.",
                folder=options.folder,
            )
        )
    for name in options.preset or registry.names("presets"):
        preset = registry.preset(name)
        sweep = SweepSpec.of(preset.settings)
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as nothing:
            os.environ["SCALESCOPE_GALLERY"] = nothing  # for this process and its workers: begin from nothing
            db = open_database(Path(home))
            begin = time.monotonic()
            train_missing(db, sweeps.save_sweep(db, sweep), sweep.runs(), sweep.runs())
            facts = {
                "preset": name,
                "title": preset.title,
                "seconds": round(time.monotonic() - begin, 1),
                "made": datetime.now(UTC).date().isoformat(),
                "machine": _machine(),
                "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn")}
                | {"python": platform.python_version()},
            }
            ingest(db)
            export_gallery(db, sweep, options.folder, name, facts)
            said = _n(
                "{preset}: {n} run in {seconds} s → {file}",
                "{preset}: {n} runs in {seconds} s → {file}",
                sweep.size,
                preset=name,
                seconds=facts["seconds"],
                file=f"{options.folder / name}.parquet",
            )
            print(said)
    return 0


def _machine() -> str:
    """Return what is stored with the results: English in every language."""
    from store.exchange.pack import processor

    workers = worker_count()
    return f"{processor()}, {workers} {'worker' if workers == 1 else 'workers'}"
