"""Run packs: one Parquet file of runs, their sweeps and their origin, with hashes that reveal a changed file."""

import hashlib
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from engine.base.atomic import new_file
from engine.base.language import _
from engine.spec.result import RunState
from engine.spec.run import ENGINE_VERSION
from engine.spec.sweep import SweepSpec
from store.db.errors import first_line
from store.exchange.row_hash import RowHash
from store.library import naming
from store.results.checks import check_rows, check_schema
from store.results.result_files import BROKEN
from store.results.rows import SCHEMA

FORMAT = 2
"""Format of packs; another number is refused."""
ROWS_AT_ONCE = 20_000
"""Runs in one part of a pack."""
_MANIFEST = b"scalescope"
_HASH = b"scalescope sha256"
_PACKAGES = ("torch", "numpy", "scikit-learn", "duckdb", "pyarrow")


class _OtherVersion(ValueError):
    """A pack of another version; the sentence has a next step of its own."""


@dataclass(frozen=True, kw_only=True)
class PackedSweep:
    """A sweep in a pack."""

    spec: SweepSpec
    name: str
    created: int
    """Microseconds since 1970 (UTC)."""


@dataclass(frozen=True, kw_only=True)
class Pack:
    """The content of a sound pack, all of it checked."""

    file: Path
    runs: int
    """How many runs it holds."""
    sweeps: tuple[PackedSweep, ...]
    environment: Mapping[str, Any]
    """Machine, system and versions of the export."""
    sha256: str
    """Hash of the rows; see RowHash."""

    def batches(self) -> Iterator[pa.Table]:
        """Yield the runs with their curves in the columns of SCHEMA, a part at a time, all checked again.

        Raises: ValueError: where the file has changed meanwhile; the caller keeps none of the parts then.
        """
        with _opened(self.file) as opened:
            yield from _batches(opened, self.sha256)

    @property
    def rows(self) -> pa.Table:
        """All runs in one table. Raises: ValueError: as `batches`."""
        return pa.concat_tables([SCHEMA.empty_table(), *self.batches()])


def processor() -> str:
    """Return the name of this machine's processor."""
    with suppress(OSError):
        if sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            if name := subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip():
                return name
        elif sys.platform == "linux":
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write(file: Path, rows: pa.Table | Iterable[pa.Table], sweeps: Sequence[PackedSweep]) -> int:
    """Write done runs to a new file, whole or not at all; return how many.

    Runs of another engine version stay out: this one cannot make their specs.
    Raises: ValueError: where `file` exists or cannot be written, and where no run is left.
    """
    with new_file(file) as opened:
        count = _write(opened, rows, sweeps)
        if not count:
            raise ValueError(_("There is no result to write to {file}: train first, or name another sweep.", file=file))
    return count


def read(file: Path) -> Pack:
    """Return the content of a pack, all of it checked.

    Raises: ValueError: for a file that is no pack, or a changed one, in a sentence with a next step.
    """
    with _opened(file) as opened:
        return _verified(file, opened)


@contextmanager
def _opened(file: Path) -> Iterator[pq.ParquetFile]:
    try:
        if not file.exists():
            raise ValueError(_("There is no such file."))
        if not file.is_file():
            raise ValueError(_("It is a folder, or no plain file."))
        with file.open("rb") as opened:
            if opened.read(4) != b"PAR1":
                raise ValueError(_("It is not a run pack; those are Parquet files."))
            opened.seek(0)
            yield pq.ParquetFile(opened, page_checksum_verification=True)
    except _OtherVersion as problem:
        raise ValueError(
            _("{file} is refused, nothing of it was kept: {reason}", file=file, reason=problem)
        ) from problem
    except BROKEN as problem:
        raise ValueError(
            _(
                "{file} is refused, nothing of it was kept: {reason} "
                "Ask for the file again, or have it exported again.",
                file=file,
                reason=first_line(problem),
            )
        ) from problem


def _write(opened: BinaryIO, rows: pa.Table | Iterable[pa.Table], sweeps: Sequence[PackedSweep]) -> int:
    digest = RowHash()
    count = 0
    with pq.ParquetWriter(opened, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for table in _cut(rows):
            for batch in _sound(table.filter(pc.equal(table["engine_version"], ENGINE_VERSION))):
                digest.add(batch)
                writer.write_table(batch)
                count += len(batch)
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


def _cut(rows: pa.Table | Iterable[pa.Table]) -> Iterator[pa.Table]:
    for table in [rows] if isinstance(rows, pa.Table) else rows:
        for start in range(0, len(table), ROWS_AT_ONCE):
            yield table.slice(start, ROWS_AT_ONCE)


def _sound(rows: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows without those whose key does not belong to their settings any more."""
    try:
        check_rows(rows)
    except ValueError:
        middle = len(rows) // 2
        for part in (rows.slice(0, middle), rows.slice(middle)) if middle else ():
            yield from _sound(part)
    else:
        if len(rows):
            yield rows


def _environment() -> dict[str, Any]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {"machine": processor(), "system": platform.platform(), "versions": versions}


def _verified(path: Path, file: pq.ParquetFile) -> Pack:
    manifest = _manifest(file.metadata.metadata or {})
    check_schema(file.schema_arrow)
    if file.metadata.num_rows != manifest["runs"]:
        rows = file.metadata.num_rows
        raise ValueError(_("It holds {rows} runs; its manifest says {runs}.", rows=rows, runs=manifest["runs"]))
    keys = [np.array([], "S16")]
    for batch in _batches(file, manifest["sha256"]):
        keys.append(np.array([bytes.fromhex(key) for key in batch["key"].to_pylist()], "S16"))
    if len(np.unique(np.concatenate(keys))) != manifest["runs"]:
        raise ValueError(_("It holds a run twice, or not all that its manifest counts."))
    environment = manifest["environment"]
    if not isinstance(environment, dict):
        raise ValueError(_("Its manifest does not say where it was made."))
    found = {"sweeps": _sweeps(manifest), "environment": environment, "sha256": manifest["sha256"]}
    return Pack(file=path, runs=manifest["runs"], **found)


def _batches(file: pq.ParquetFile, sha256: str) -> Iterator[pa.Table]:
    """Yield all rows, a part at a time. Raises: ValueError: for a wrong row, and at the end for a wrong hash."""
    digest = RowHash()
    for batch in file.iter_batches(ROWS_AT_ONCE):
        rows = pa.Table.from_batches([batch]).replace_schema_metadata()
        check_rows(rows)
        for state in rows["state"].unique().to_pylist():
            if not RunState(state).done:
                raise ValueError(_("A run of it is {state}, not done.", state=state))
        digest.add(rows)
        yield rows
    if digest.hexdigest() != sha256:
        raise ValueError(_("Its runs are not those that its manifest has the hash of."))


def _manifest(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    text = metadata.get(_MANIFEST)
    if text is None:
        raise ValueError(_("It is a Parquet file without a run pack's manifest."))
    if hashlib.sha256(text).hexdigest().encode() != metadata.get(_HASH):
        raise ValueError(_("Its manifest is not the one that it has the hash of."))
    manifest = json.loads(text)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _OtherVersion(
            _(
                "It is not a pack of format {format}: update whichever Scalescope is older, then export again.",
                format=FORMAT,
            )
        )
    if manifest.get("engine_version") != ENGINE_VERSION:
        raise _OtherVersion(
            _(
                "Its runs are of engine version {found:.20}, here it is {own}: update whichever Scalescope is older, "
                "then train and export again.",
                found=str(manifest.get("engine_version")),
                own=ENGINE_VERSION,
            )
        )
    absent = {"runs", "sha256", "sweeps", "environment"} - set(manifest)
    if absent:
        raise ValueError(_("Its manifest lacks {names}.", names=", ".join(sorted(absent))))
    return manifest


def _sweeps(manifest: Mapping[str, Any]) -> tuple[PackedSweep, ...]:
    found = []
    for entry in manifest["sweeps"]:
        spec, created, name = SweepSpec.of(entry["settings"]), entry["created"], entry["name"]
        if entry["id"] != spec.key:
            raise ValueError(_("Its sweep {name:.40} has an id that does not belong to its settings.", name=str(name)))
        if not isinstance(name, str) or naming.checked(name) != name:
            raise ValueError(_("A sweep of it has a name with spaces around it."))
        if type(created) is not int or not 0 <= created < 2**53:
            raise ValueError(_("Its sweep {name} was made at no possible time.", name=name))
        found.append(PackedSweep(spec=spec, name=name, created=created))
    if len({sweep.spec.key for sweep in found}) < len(found):
        raise ValueError(_("It holds a sweep twice."))
    return tuple(found)
