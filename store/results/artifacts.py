"""Predictions and weights of runs: the files that bring them to the store, and how they get into its tables."""

import io
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from engine.base.atomic import whole
from engine.base.language import _
from engine.spec.result import RunResult
from store.db.errors import StoreError

PREDICTIONS_GIB = 2.0
"""Limit of all test predictions together, in GiB; SCALESCOPE_PREDICTIONS overrides it. Beyond it, runs lose their
predictions, but not the weights that a spec asks for."""
ORPHANED = 3600.0
"""Seconds after which a file without a result file is removed: its writer was killed between the two."""
BATCH_BYTES = 16 * 2**20
"""Bytes that go into the tables at once; a single run may have more."""
_SCHEMA = pa.schema([("key", pa.string()), ("predictions", pa.large_binary()), ("weights", pa.large_binary())])
_FITTING = """
    INSERT OR IGNORE INTO outcomes BY NAME
    SELECT run_id, if(fits, predictions, NULL) AS predictions, if(fits, bytes, 0) AS predictions_bytes, weights FROM (
        SELECT *, sum(bytes) OVER (ORDER BY run_id) <= ? AS fits FROM (
            SELECT run_id, predictions, weights, coalesce(octet_length(predictions), 0) AS bytes
            FROM arriving JOIN accepted USING (key) ANTI JOIN outcomes USING (run_id)
        )
    )
    WHERE fits OR weights IS NOT NULL
"""
_Row = tuple[str, bytes | None, bytes | None]


def predictions_limit() -> int:
    """Return how many bytes of predictions the store holds at most.

    Raises: StoreError: where SCALESCOPE_PREDICTIONS is no number from 0.
    """
    text = os.environ.get("SCALESCOPE_PREDICTIONS") or str(PREDICTIONS_GIB)
    try:
        gib = float(text)
    except ValueError:
        gib = -1.0
    if not 0 <= gib < 2**20:
        raise StoreError(
            _("SCALESCOPE_PREDICTIONS={text:.40} is not possible; allowed: a number of GiB from 0.", text=text)
        )
    return int(gib * 2**30)


def write(path: Path, results: Iterable[RunResult]) -> None:
    """Write the predictions and weights of `results` to a file that outlives a power cut; none where there are none."""
    wanted = predictions_limit() > 0
    made = ((result.spec.key, (wanted and result.predictions) or None, result.weights or None) for result in results)
    rows = [row for row in made if row[1] or row[2]]
    if not rows:
        return
    with whole(path, durable=True) as opened, pa.ipc.new_file(opened, _SCHEMA) as file:
        for batch in _batches(rows):
            columns = zip(*batch, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            file.write_batch(pa.record_batch(arrays, schema=_SCHEMA))


def insert(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Put predictions and weights of the runs just accepted from a file into the tables.

    The caller has begun a transaction. Raises: FileNotFoundError: where the runs have none; OSError, ValueError: where
    the file cannot be read.
    """
    with path.open("rb") as opened, pa.ipc.open_file(opened) as file:
        if file.schema != _SCHEMA:
            raise ValueError(_("It has other columns."))
        for index in range(file.num_record_batches):
            batch = file.get_batch(index)
            batch.validate(full=True)
            con.register("arriving", pa.Table.from_batches([batch]))
            ((held,),) = con.execute("SELECT coalesce(sum(predictions_bytes), 0) FROM outcomes").fetchall()
            con.execute(_FITTING, [predictions_limit() - held])
            con.unregister("arriving")


def clear_orphans(folder: Path, results: Path) -> None:
    """Remove old files of `folder` without a result file of their name in `results`."""
    for path in folder.iterdir():
        with suppress(OSError):  # removed meanwhile; and a file that cannot be removed must not hold up the others
            old = time.time() - path.lstat().st_mtime > ORPHANED
            if old and not any(results.glob(f"{path.name.partition('.')[0]}.*")):
                path.unlink()


def unpacked(npz: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file."""
    with np.load(io.BytesIO(npz), allow_pickle=False) as arrays:
        return dict(arrays)


def _batches(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    size = 0
    for row in rows:
        own = len(row[1] or b"") + len(row[2] or b"")
        if batch and size + own > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += own
    yield batch
