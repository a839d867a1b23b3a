"""A run pack: one Parquet file of runs, sweeps and where they were made, with hashes that give a false one away."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from engine.spec import ENGINE_VERSION, SweepSpec
from store import naming
from store.durable import new_file
from store.results import SCHEMA, Dated, as_table, dated_rows, from_row

FORMAT = 1
"""Of packs; another number is refused."""
ROWS_AT_ONCE = 2000
_MANIFEST = b"scalescope"
_HASH = b"scalescope sha256"
_PACKAGES = ("torch", "numpy", "scikit-learn", "duckdb", "pyarrow")
_AGAIN = "Ask for the file again, or have it exported again."


@dataclass(frozen=True, kw_only=True)
class PackedSweep:
    """A sweep as a pack carries it."""

    spec: SweepSpec
    name: str
    created: int
    """Microseconds since 1970 (UTC)."""


@dataclass(frozen=True, kw_only=True)
class Pack:
    """What a sound pack holds, all of it checked."""

    rows: pa.Table
    """One row per run with its curves, in the columns of SCHEMA."""
    sweeps: tuple[PackedSweep, ...]
    environment: Mapping[str, Any]
    """Machine, system and versions where it was exported."""
    sha256: str
    """Over the rows: one line of JSON each, keys sorted, `created` in microseconds."""


def processor() -> str:
    """Return the name of this machine's processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def write(file: Path, rows: pa.Table, sweeps: Sequence[PackedSweep]) -> int:
    """Write done runs to a new file, whole or not at all; return how many.

    Runs of another engine version stay out: nobody could make their specs again.
    Raises: ValueError: where `file` exists or cannot be written, and where no run is left.
    """
    with new_file(file) as opened:
        count = _write(opened, rows, sweeps)
        if not count:
            raise ValueError(f"There is no result to write to {file}: train first, or name another sweep.")
    return count


def read(file: Path) -> Pack:
    """Return what a pack holds.

    Raises: ValueError: for a file that is no pack, or is not wholly what it says, in a sentence with a next step.
    """
    try:
        if not file.is_file():
            raise ValueError("It is a folder, or no plain file." if file.exists() else "There is no such file.")
        with file.open("rb") as opened:
            if opened.read(4) != b"PAR1":
                raise ValueError("It is not a run pack; those are Parquet files.")
            opened.seek(0)
            return _read(pq.ParquetFile(opened, page_checksum_verification=True))
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        RecursionError,
        MemoryError,
        pa.ArrowException,
    ) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        step = "" if reason.endswith("again.") else f" {_AGAIN}"
        raise ValueError(f"{file} is refused, nothing of it was kept: {reason}{step}") from e


def _write(opened: BinaryIO, rows: pa.Table, sweeps: Sequence[PackedSweep]) -> int:
    digest = hashlib.sha256()
    count = 0
    with pq.ParquetWriter(opened, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            dated: list[Dated] = []
            for created, row in dated_rows(rows.slice(start, ROWS_AT_ONCE)):
                with suppress(ValueError):  # its key is no longer that of its settings
                    dated.append((created, from_row(row)))
            if dated:
                table = as_table(dated)
                _add(digest, table)
                writer.write_table(table)
                count += len(dated)
        text = json.dumps(
            {
                "format": FORMAT,
                "engine_version": ENGINE_VERSION,
                "made": datetime.now(UTC).isoformat(timespec="seconds"),
                "environment": _environment(),
                "runs": count,
                "sha256": digest.hexdigest(),
                "sweeps": [
                    {"id": s.spec.key, "name": s.name, "created": s.created, "settings": dict(s.spec.settings)}
                    for s in sweeps
                ],
            }
        ).encode()
        writer.add_key_value_metadata({_MANIFEST: text, _HASH: hashlib.sha256(text).hexdigest().encode()})
    return count


def _environment() -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"machine": processor(), "system": platform.platform(), "versions": versions}


def _read(file: pq.ParquetFile) -> Pack:
    manifest = _manifest(file.metadata.metadata or {})
    found = file.schema_arrow
    for want in SCHEMA:
        if want.name not in found.names or found.field(want.name).type != want.type:
            raise ValueError(f"Its column {want.name} is missing or not of type {want.type}.")
    if found.names != SCHEMA.names:
        raise ValueError("Its columns are others, or in another order.")
    if file.metadata.num_rows != manifest["runs"]:
        raise ValueError(f"It holds {file.metadata.num_rows} runs; its manifest says {manifest['runs']}.")
    digest = hashlib.sha256()
    tables = [SCHEMA.empty_table()]
    for batch in file.iter_batches(ROWS_AT_ONCE):
        table = pa.Table.from_batches([batch]).replace_schema_metadata()
        table.validate(full=True)
        _check_rows(table, sum(map(len, tables)))
        _add(digest, table)
        tables.append(table)
    if digest.hexdigest() != manifest["sha256"]:
        raise ValueError("Its runs are not those that its manifest has the hash of.")
    rows = pa.concat_tables(tables)
    if len(rows) != manifest["runs"] or len(set(rows["key"].to_pylist())) != len(rows):
        raise ValueError("It holds a run twice, or not all that its manifest counts.")
    environment = manifest["environment"]
    if not isinstance(environment, dict):
        raise ValueError("Its manifest does not say where it was made.")
    return Pack(rows=rows, sweeps=_sweeps(manifest), environment=environment, sha256=digest.hexdigest())


def _manifest(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    text = metadata.get(_MANIFEST)
    if text is None:
        raise ValueError("It is a Parquet file without a run pack's manifest.")
    if hashlib.sha256(text).hexdigest().encode() != metadata.get(_HASH):
        raise ValueError("Its manifest is not the one that it has the hash of.")
    manifest = json.loads(text)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(
            f"It is not a pack of format {FORMAT}: update whichever Scalescope is older, then export again."
        )
    if manifest.get("engine_version") != ENGINE_VERSION:
        raise ValueError(
            f"Its runs are of engine version {manifest.get('engine_version')!s:.20}, here it is {ENGINE_VERSION}: "
            "update whichever Scalescope is older, then train and export again."
        )
    absent = {"runs", "sha256", "sweeps", "environment"} - set(manifest)
    if absent:
        raise ValueError(f"Its manifest lacks {', '.join(sorted(absent))}.")
    return manifest


def _check_rows(table: pa.Table, before: int) -> None:
    """Refuse rows that are not, to the last column, what their results are written as."""
    dated: list[Dated] = []
    for place, (created, row) in enumerate(dated_rows(table), start=before + 1):
        try:
            result = from_row(row)
        except (ValueError, TypeError) as error:
            raise ValueError(f"Its run {place} is not possible: {error}") from error
        if not isinstance(created, int) or not 0 <= created < 2**53:
            raise ValueError(f"Its run {place} was made at no possible time.")
        if not result.state.done:
            raise ValueError(f"Its run {place} is {result.state}, not done.")
        dated.append((created, result))
    honest = as_table(dated)
    for name in SCHEMA.names:
        if not honest[name].equals(table[name]):
            raise ValueError(f"Its column {name} does not belong to the runs' settings and curves.")


def _sweeps(manifest: Mapping[str, Any]) -> tuple[PackedSweep, ...]:
    found = []
    for entry in manifest["sweeps"]:
        spec, created, name = SweepSpec.of(entry["settings"]), entry["created"], entry["name"]
        if entry["id"] != spec.key:
            raise ValueError(f"Its sweep {name!s:.40} has an id that does not belong to its settings.")
        if not isinstance(name, str) or naming.checked(name) != name:
            raise ValueError("A sweep of it has a name with spaces around it.")
        if type(created) is not int or not 0 <= created < 2**53:
            raise ValueError(f"Its sweep {name} was made at no possible time.")
        found.append(PackedSweep(spec=spec, name=name, created=created))
    if len({sweep.spec.key for sweep in found}) < len(found):
        raise ValueError("It holds a sweep twice.")
    return tuple(found)


def _add(digest: "hashlib._Hash", table: pa.Table) -> None:
    for created, row in dated_rows(table):
        text = json.dumps(row | {"created": created}, sort_keys=True, separators=(",", ":"), allow_nan=False)
        digest.update(text.encode() + b"\n")
