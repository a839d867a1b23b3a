"""The commands on files of runs: export, import, verify."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from engine.base.language import _, _n
from store.commands.frame import Commands
from store.db.connection import Database
from store.exchange import pack, selection, tables
from store.exchange.merge import import_pack
from store.home import open_current, open_database
from store.imports import collections
from store.library import catalog
from store.results.rows import SCHEMA


def add_commands(commands: Commands) -> None:
    """Add the commands, each with `run`, which takes the parsed options and returns the exit code."""
    export = commands.add_parser("export", help=_("write runs to a run pack, or to a table for other programs"))
    kind = _("a pack, but a table where it ends in .csv .parquet .json")
    export.add_argument("file", type=Path, metavar="FILE", help=kind)
    only = _("these alone, not all runs; imported collections too")
    export.add_argument("--sweep", nargs="+", action="extend", default=[], metavar="SWEEP", help=only)
    export.set_defaults(run=_export)

    importing = commands.add_parser("import", help=_("take run packs in, all of them or, where one is refused, none"))
    importing.add_argument("file", nargs="+", type=Path, metavar="FILE")
    importing.set_defaults(run=_import)

    verify = commands.add_parser("verify", help=_("check a run pack and say what it holds"))
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.set_defaults(run=_verify)


def _export(options: argparse.Namespace) -> int:
    db, file = open_current(), options.file
    ids = {text: collections.find(db, text) for text in options.sweep}
    imported = [found for found in ids.values() if found]
    trained = [text for text, found in ids.items() if not found]
    batches, sweeps = (iter(()), []) if imported and not trained else chosen(db, trained)
    if file.suffix in tables.WRITERS:
        points = collections.points(db, imported if ids else None)
        count = tables.write(file, pa.concat_tables([SCHEMA.empty_table(), *batches]), points)
        left_out = 0
    elif imported:
        raise ValueError(
            _("A run pack holds trained runs alone: write imported ones to a .csv, .parquet or .json file.")
        )
    else:
        count, left_out = _write_pack(file, batches, sweeps)
    print(_n("{file}: {n:,} run", "{file}: {n:,} runs", count, file=file))
    if left_out:
        print(
            _n(
                "{n:,} run of another engine version stayed out.",
                "{n:,} runs of another engine version stayed out.",
                left_out,
            )
        )
    return 0


def _write_pack(file: Path, batches: Iterator[pa.Table], sweeps: Sequence[pack.PackedSweep]) -> tuple[int, int]:
    """Write a run pack; return how many runs are in it, and how many were left out."""
    total = 0

    def counted() -> Iterator[pa.Table]:
        nonlocal total
        for batch in batches:
            total += len(batch)
            yield batch

    count = pack.write(file, counted(), sweeps)
    return count, total - count


def _import(options: argparse.Namespace) -> int:
    packs = [(file, pack.read(file)) for file in options.file]  # all are checked before one is imported
    db = open_database()
    for file, read in packs:
        runs, sweeps = import_pack(db, read)
        print(
            _(
                "{file}: {runs} of {total:,}, {sweeps}",
                file=file,
                runs=_n("{n:,} new run", "{n:,} new runs", runs),
                total=read.runs,
                sweeps=_n("{n:,} new sweep", "{n:,} new sweeps", sweeps),
            )
        )
    return 0


def _verify(options: argparse.Namespace) -> int:
    read = pack.read(options.file)
    print(
        _(
            "{file} is sound: {runs}, {sweeps}",
            file=options.file,
            runs=_n("{n:,} run", "{n:,} runs", read.runs),
            sweeps=_n("{n:,} sweep", "{n:,} sweeps", len(read.sweeps)),
        )
    )
    for sweep in read.sweeps:
        print(f"  {sweep.name} ({sweep.spec.key})")
    print(_("made on {environment}", environment=json.dumps(read.environment, ensure_ascii=False)))
    print(f"sha256 {read.sha256}")
    return 0


def chosen(db: Database, wanted: Sequence[str]) -> tuple[Iterator[pa.Table], list[pack.PackedSweep]]:
    """Return the done runs of the sweeps that these texts name, see catalog.find, and the sweeps; all without a text.

    Raises: ValueError: for a sweep that is not known, or that another version saved.
    """
    return selection.take(db, [catalog.find(db, text).sweep_id for text in wanted] if wanted else None)
