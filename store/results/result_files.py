"""Result files: rows of runs as Arrow, after a hash that proves them whole; older ones were JSON."""

import hashlib
import json
import stat
from pathlib import Path

import pyarrow as pa

from engine.base.atomic import whole
from engine.base.language import _
from engine.spec.run import ENGINE_VERSION
from store.results.checks import check_rows, check_schema
from store.results.rows import SCHEMA, as_table, from_row

FORMAT = 2
"""Number in the first line of a file; another one is refused. Format 1 was JSON, and is still read."""
BROKEN = (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError, pa.ArrowException)
"""Errors that reading a file which is no result file may raise."""
MOST_BYTES = 2**31
"""Largest file, since a file is read at once; thousands of runs take some megabytes."""
_BEGIN = b"scalescope results "
_HASH = 64


def write(path: Path, rows: pa.Table, *, durable: bool) -> None:
    """Write sound rows in the columns of SCHEMA, whole or not at all."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_table(rows)
    body = sink.getvalue()
    with whole(path, durable=durable) as opened:
        opened.write(b"%s%d %s\n" % (_BEGIN, FORMAT, hashlib.sha256(body).hexdigest().encode()))
        opened.write(body)


def read(path: Path) -> pa.Table:
    """Return the checked rows of a file. Raises: as `load`."""
    rows = load(path)
    check_rows(rows)
    return rows


def load(path: Path) -> pa.Table:
    """Return the rows of a file unchecked; see `check_rows`.

    Raises: OSError: where it is gone or cannot be read at the moment; another of BROKEN: where it is no result file.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(_("It is not a plain file."))
    if found.st_size > MOST_BYTES:
        raise ValueError(_("It has {size} bytes; allowed: up to {most}.", size=found.st_size, most=MOST_BYTES))
    data = path.read_bytes()
    if not data.startswith(_BEGIN):
        return _read_json(data)
    first = data[: len(_BEGIN) + _HASH + 20].partition(b"\n")[0]
    number, _space, digest = first[len(_BEGIN) :].partition(b" ")
    if number != str(FORMAT).encode():
        raise ValueError(_("It is not a result file of format {format}.", format=FORMAT))
    body = memoryview(data)[len(first) + 1 :]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError(_("It is not whole, or not as it was written."))
    with pa.ipc.open_stream(body, options=pa.ipc.IpcReadOptions(use_threads=False)) as stream:  # a file is too small
        rows = stream.read_all()
    check_schema(rows.schema)
    return rows.replace_schema_metadata()


def _read_json(data: bytes) -> pa.Table:
    try:
        found = json.loads(data)
    except ValueError:
        raise ValueError(_("It is no result file: not JSON, or only a part of it.")) from None
    if not isinstance(found, dict) or found.get("format") != 1:
        raise ValueError(_("It is not a result file of format {format}.", format=1))
    if found.get("engine_version") != ENGINE_VERSION:
        version = str(found.get("engine_version"))
        raise ValueError(
            _("engine_version={version:.20}; this engine's is {own}.", version=version, own=ENGINE_VERSION)
        )
    created, listed = found.get("created"), found.get("results")
    if not isinstance(created, int) or not 0 <= created < 2**53 or not isinstance(listed, list):
        raise ValueError(_("created or results is missing."))
    return as_table([(created, from_row(row)) for row in listed])
