"""The commands `python -m store export | import | verify`."""

import argparse
import calendar
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from engine.spec import SweepSpec
from store import pack, tables
from store.connection import Database
from store.database import open_database
from store.merge import import_pack
from store.results import SCHEMA
from store.runs import done_batches
from store.spool import ingest

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: "Commands") -> None:
    """Add the commands, each with `run`, which takes the parsed options and returns the exit code."""
    export = commands.add_parser("export", help="write runs to a run pack, or to a table for other programs")
    export.add_argument(
        "file", type=Path, metavar="FILE", help="a pack, but a table where it ends in .csv .parquet .json"
    )
    export.add_argument(
        "--sweep", nargs="+", action="extend", default=[], metavar="NAME_OR_KEY", help="these alone, not all runs"
    )
    export.set_defaults(run=_export)

    taking = commands.add_parser("import", help="take run packs in, all of them or, where one is refused, none")
    taking.add_argument("file", nargs="+", type=Path, metavar="FILE")
    taking.set_defaults(run=_import)

    verify = commands.add_parser("verify", help="check a run pack and say what it holds")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.set_defaults(run=_verify)


def _export(options: argparse.Namespace) -> int:
    batches, sweeps = chosen(open_database(), options.sweep)
    file: Path = options.file
    if file.suffix in tables.WRITERS:
        count = tables.write(file, pa.concat_tables([SCHEMA.empty_table(), *batches]))
        print(f"{file}: {_counted(count, 'run')}")
        return 0
    found = 0

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
    """Return the done runs of the sweeps with these names or keys, a part at a time, and the sweeps; or all there are.

    Raises: ValueError: for a sweep that is not known, or that another version saved.
    """
    ingest(db)
    with db.reading() as con:
        listed = con.execute("SELECT sweep_id, name, created, settings FROM sweeps ORDER BY created, name").fetchall()
        found = []
        for text in wanted:
            exact = [row for row in listed if text in row[:2]]
            if not exact:
                raise ValueError(f"--sweep {text:.80} is not known; allowed: the name or key of a saved sweep.")
            found += [row for row in exact if row not in found]
        sweeps = []
        for row in found if wanted else listed:
            try:
                sweeps.append(_packed(*row))
            except ValueError as error:
                if wanted:
                    raise ValueError(f"The sweep {row[1]!r} was saved by another version: {error}") from error
    keys = {key for sweep in sweeps for key in sweep.spec.run_keys()} if wanted else None
    return done_batches(db, keys), sweeps


def _packed(key: str, name: str, created: datetime, settings: str) -> pack.PackedSweep:
    spec = SweepSpec.of(json.loads(settings))
    if spec.key != key:
        raise ValueError("its runs have other keys now; train it again.")
    micros = calendar.timegm(created.timetuple()) * 1_000_000 + created.microsecond
    return pack.PackedSweep(spec=spec, name=name, created=micros)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
