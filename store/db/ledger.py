"""The ledger beside the store's file: it counts the changes, so that an older file or a lost log is noticed."""

import json
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb

from engine.base.atomic import whole

_NAME = "changes"
"""Name of the row in `meta` that says how many changes the file has seen, and of which line they are."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The state after the last change; as a file beside the store it outlives the loss of the store."""

    line: str
    """Name of the changes that belong together. A file that is not of this line does not hold them."""
    changes: int
    runs: int
    """Results in the tables."""
    held: int | None = None
    """Results before the last loss, until a person has accepted it."""
    found: int = 0
    """Results after the last loss."""


def read(path: Path) -> Ledger | None:
    """Return the ledger; None where it is damaged or there is none, as for a store older than ledgers."""
    try:
        return Ledger(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write(path: Path, ledger: Ledger) -> None:
    """Write the ledger so that it outlives a power cut."""
    with whole(path, durable=True) as opened:
        opened.write(json.dumps(asdict(ledger)).encode())


def loss(con: duckdb.DuckDBPyConnection, ledger: Ledger | None) -> tuple[int, int] | None:
    """Return how many results the store held and how many were found, where changes are lost; else None."""
    if ledger is None:
        return None
    line, changes = _inside(con)
    if line == ledger.line and changes >= ledger.changes:
        return None if ledger.held is None else (ledger.held, ledger.found)
    return max(ledger.runs, ledger.held or 0), _runs(con)


def begun(con: duckdb.DuckDBPyConnection, ledger: Ledger | None) -> Ledger:
    """Count a change, at the beginning of its transaction; return the ledger for `ended`."""
    line, changes = _inside(con)
    lost = loss(con, ledger)
    if ledger is None or line != ledger.line or changes < ledger.changes:
        line = uuid.uuid4().hex[:12]  # the changes that follow are not those that the ledger knew
    con.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_NAME, f"{line} {changes + 1}"])
    held, found = lost or (None, 0)
    return Ledger(line=line, changes=changes + 1, runs=0, held=held, found=found)


def ended(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> Ledger:
    """Return what to write once the transaction is committed."""
    runs = _runs(con)
    # A store that begins anew reads in the gallery again: these results are not lost.
    return replace(ledger, runs=runs, found=0 if ledger.held is None else ledger.found or runs)


def _inside(con: duckdb.DuckDBPyConnection) -> tuple[str, int]:
    row = con.execute("SELECT value FROM meta WHERE name = ?", [_NAME]).fetchone()
    line, _, changes = row[0].partition(" ") if row else ("", "", "0")
    return line, int(changes)


def _runs(con: duckdb.DuckDBPyConnection) -> int:
    ((count,),) = con.execute("SELECT count(*) FROM runs").fetchall()
    return int(count)
