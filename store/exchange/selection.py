"""Selects what an export writes: some sweeps with their done runs, or all."""

import calendar
import json
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.exchange import pack, tables
from store.results.rows import SCHEMA
from store.results.runs import done_batches

MOST = 5_000
"""Most runs for `as_bytes`, which holds them in memory as rows and as a file."""


def take(db: Database, sweep_ids: Sequence[str] | None) -> tuple[Iterator[pa.Table], list[pack.PackedSweep]]:
    """Return the done runs of these sweeps in the tables, in parts with the columns of SCHEMA, and the sweeps.

    None selects all runs and sweeps. Whoever exports ingests first. Raises: ValueError: for a sweep that is not there,
    or that another version saved; where all are selected, such sweeps stay out.
    """
    with db.reading() as con:
        rows = con.execute("SELECT sweep_id, name, created, settings FROM sweeps ORDER BY created, name").fetchall()
        listed = {row[0]: row for row in rows}
        sweeps = []
        for key in listed if sweep_ids is None else dict.fromkeys(sweep_ids):
            if key not in listed:
                raise ValueError(_("sweep={id} is not there any more; allowed: a sweep of the list.", id=key[:40]))
            try:
                sweeps.append(_packed(*listed[key]))
            except ValueError as error:
                if sweep_ids is not None:
                    name = listed[key][1]
                    raise ValueError(
                        _("The sweep {name!r} was saved by another version: {error}", name=name, error=error)
                    ) from error
    keys = None if sweep_ids is None else {key for sweep in sweeps for key in sweep.spec.run_keys}
    return done_batches(db, keys), sweeps


def as_bytes(db: Database, sweep_ids: Sequence[str], suffix: str) -> bytes:
    """Return an export of these sweeps as the bytes of a file: a table, see exchange.tables, or a run pack.

    `suffix` says which. Raises: ValueError: as `take`, and for more runs than MOST or none at all.
    """
    batches, sweeps = take(db, sweep_ids)
    rows = pa.concat_tables([SCHEMA.empty_table(), *batches])
    if len(rows) > MOST:
        raise ValueError(
            _(
                "These are {count:,} runs; allowed here: {most:,}. Use scalescope store export FILE.",
                count=len(rows),
                most=MOST,
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"export{suffix}"
        if suffix in tables.WRITERS:
            tables.write(file, rows)
        else:
            pack.write(file, rows, sweeps)
        return file.read_bytes()


def _packed(key: str, name: str, created: datetime, settings: str) -> pack.PackedSweep:
    spec = SweepSpec.of(json.loads(settings))
    if spec.key != key:
        raise ValueError(_("its runs have other keys now; train it again."))
    micros = calendar.timegm(created.timetuple()) * 1_000_000 + created.microsecond
    return pack.PackedSweep(spec=spec, name=name, created=micros)
