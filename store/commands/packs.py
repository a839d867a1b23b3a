"""The commands `python -m store export | import | verify`."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from store.db.connection import Database
from store.exchange import pack, selection, tables
from store.exchange.merge import import_pack
from store.home import open_current, open_database
from store.imports import collections
from store.library import catalog
from store.results.rows import SCHEMA

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: "Commands") -> None:
    """Add the commands, each with `run`, which takes the parsed options and returns the exit code."""
    export = commands.add_parser("export", help="write runs to a run pack, or to a table for other programs")
    export.add_argument(
        "file", type=Path, metavar="FILE", help="a pack, but a table where it ends in .csv .parquet .json"
    )
    export.add_argument(
        "--sweep",
        nargs="+",
        action="extend",
        default=[],
        metavar="SWEEP",
        help="these alone, not all runs; imported collections too",
    )
    export.set_defaults(run=_export)

    taking = commands.add_parser("import", help="take run packs in, all of them or, where one is refused, none")
    taking.add_argument("file", nargs="+", type=Path, metavar="FILE")
    taking.set_defaults(run=_import)

    verify = commands.add_parser("verify", help="check a run pack and say what it holds")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.set_defaults(run=_verify)


def _export(options: argparse.Namespace) -> int:
    db, file = open_current(), options.file
    brought = {text: collections.find(db, text) for text in options.sweep}
    wanted = [text for text, found in brought.items() if found is None]
    only_imported = bool(brought) and not wanted
    batches, sweeps = (iter(()), []) if only_imported else chosen(db, wanted)
    found = 0
    if file.suffix in tables.WRITERS:
        points = collections.points(db, [found for found in brought.values() if found] if brought else None)
        count = found = tables.write(file, pa.concat_tables([SCHEMA.empty_table(), *batches]), points)
    elif any(brought.values()):
        raise ValueError("A run pack holds trained runs alone: write imported ones to a .csv, .parquet or .json file.")
    else:

        def counted() -> Iterator[pa.Table]:
            nonlocal found
            for batch in batches:
                found += len(batch)
                yield batch

        count = pack.write(file, counted(), sweeps)
    print(f"{file}: {_counted(count, 'run')}")
    if count < found:
        print(f"{_counted(found - count, 'run')} of another engine version stayed out.")
    return 0


def _import(options: argparse.Namespace) -> int:
    packs = [(file, pack.read(file)) for file in options.file]  # before anything is kept
    db = open_database()
    for file, read in packs:
        runs, sweeps = import_pack(db, read)
        print(f"{file}: {_counted(runs, 'new run')} of {read.runs:,}, {_counted(sweeps, 'new sweep')}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    read = pack.read(options.file)
    print(f"{options.file} is sound: {_counted(read.runs, 'run')}, {_counted(len(read.sweeps), 'sweep')}")
    for sweep in read.sweeps:
        print(f"  {sweep.name} ({sweep.spec.key})")
    print(f"made on {json.dumps(read.environment, ensure_ascii=False)}\nsha256 {read.sha256}")
    return 0


def chosen(db: Database, wanted: Sequence[str]) -> tuple[Iterator[pa.Table], list[pack.PackedSweep]]:
    """Return the done runs of the sweeps that these texts name, see catalog.find, and the sweeps; without, all.

    Raises: ValueError: for a sweep that is not known, or that another version saved.
    """
    return selection.take(db, [catalog.find(db, text).sweep_id for text in wanted] if wanted else None)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
