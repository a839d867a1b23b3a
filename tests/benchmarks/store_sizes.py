"""Prints what a store takes on the disk, what its curves would take at least, and what packing it takes; on Linux."""

import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from engine.spec.result import METRICS
from store.db.connection import Database

ROOT = Path(__file__).parent.parent.parent
_PEAK = """
import sys
from store.commands.main import main
code = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""
"""A command of the store, and at last the most memory it took: the system's own count begins with its parent's."""
LOSSES = ("train_loss", "test_loss")


def print_floor(curves: dict[int, np.ndarray]) -> None:
    """Print the bytes that a number of each metric takes as float32, at least as far as zstd -19 knows.

    The bytes of the numbers lie apart, the first of all, then the second of all; and instead of the numbers, what is
    smaller, their distances along the curve. Of trained runs alone: noise would hide what the curves are.
    """
    every = np.concatenate(list(curves.values())).astype(np.float32)
    count = every.shape[0] * every.shape[1]
    print(f"bytes a number, zstd -19 over {count:,} numbers of {len(every)} trained runs; entropy of the lowest byte")
    total = 0.0
    for place, name in enumerate(METRICS):
        bits = np.ascontiguousarray(every[..., place]).view(np.int32)
        apart = np.diff(bits, axis=1, prepend=np.int32(0))
        packed = min(_zstd(one) for one in (bits, (apart << 1) ^ (apart >> 31))) / count
        shares = np.array(list(Counter((bits & 255).ravel().tolist()).values())) / count
        print(f"  {name:<20}{packed:>6.2f}{-np.sum(shares * np.log2(shares)) + 0.0:>8.2f} bits of 8")
        total += packed
    print(f"  all together        {total:>6.2f}: of a million runs of 50 points {total * 50:,.0f} MB", flush=True)


def _zstd(numbers: np.ndarray) -> int:
    planes = np.ascontiguousarray(numbers.astype("<i4").ravel().view(np.uint8).reshape(-1, 4).T)
    return int(pa.Codec("zstd", compression_level=19).compress(planes.tobytes()).size)


def print_sizes(db: Database) -> None:
    """Print the bytes of the file and of each column, and those of a store of train and test loss alone."""
    with db.reading() as con:
        ((runs,),) = con.execute("SELECT count(*) FROM runs").fetchall()
        ((block,),) = con.execute("SELECT block_size FROM pragma_database_size()").fetchall()
        ((used,),) = con.execute("SELECT used_blocks * block_size FROM pragma_database_size()").fetchall()
        sizes = {table: _columns(con, table, block) for table in ("measured", "clocks", "runs", "sweep_runs", "sweeps")}
    print(f"\nfile: {db.file.stat().st_size / 1e6:,.0f} MB, of which in use {used / 1e6:,.0f} MB, {runs:,} runs")
    for table, columns in sizes.items():
        print(f"  {table:<20}{sum(columns.values()) / 1e6:>9,.1f} MB")
        for name, size in sorted(columns.items(), key=lambda item: -item[1]):
            print(f"    {name:<20}{size / 1e6:>7,.1f}")
    small = db.home / "losses.duckdb"
    with duckdb.connect(str(small)) as con:
        con.execute(f"ATTACH '{db.file}' AS store (READ_ONLY)")
        for table in sizes:
            columns_kept = f"run_id, clock_id, {', '.join(LOSSES)}" if table == "measured" else "*"
            con.execute(f"CREATE TABLE {table} AS SELECT {columns_kept} FROM store.{table}")
    print(f"the same with {' and '.join(LOSSES)} alone: {small.stat().st_size / 1e6:,.0f} MB", flush=True)
    small.unlink()


def _columns(con: duckdb.DuckDBPyConnection, table: str, block: int) -> dict[str, int]:
    """Return the bytes of each column: from where a segment begins to where the next one in its block does."""
    segments = con.execute(
        "SELECT column_name, block_id, block_offset, additional_block_ids FROM pragma_storage_info(?)", [table]
    ).fetchall()
    begins = defaultdict(set)
    for _, place, offset, _ in segments:
        begins[place].add(offset)
    ends: dict[tuple[int, int], int] = {}
    for place, offsets in begins.items():
        ordered = sorted(offsets)
        ends |= {(place, start): end for start, end in zip(ordered, [*ordered[1:], block], strict=True)}
    found: dict[str, int] = defaultdict(int)
    for name, place, offset, more in segments:
        inside = ends.pop((place, offset), offset) - offset if place is not None and place >= 0 else 0
        found[name] += inside + block * len(more or ())
    return found


def print_packs(db: Database, folder: Path) -> None:
    """Print runs a second and most memory of exporting all runs, verifying the pack, and importing it elsewhere."""
    file = folder / "all.scalescope"
    with db.reading() as con:
        ((runs,),) = con.execute("SELECT count(*) FROM runs").fetchall()
    print("\nrun packs")
    for command, home in (("export", db.home), ("verify", db.home), ("import", folder / "other")):
        began = time.perf_counter()
        environment = os.environ | {"SCALESCOPE_HOME": str(home)}
        process = subprocess.Popen(
            [sys.executable, "-c", _PEAK, command, str(file)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        cpu = usage.ru_utime + usage.ru_stime
        if status:
            raise SystemExit(f"{command} ended with {status}")
        print(
            f"  {command}: {seconds:.1f} s, {runs / seconds:,.0f} runs/s ({runs / cpu:,.0f} per CPU second), "
            f"at most {int(said.split()[-2]) / 2**20:.2f} GiB of memory",
            flush=True,
        )
    print(f"  the pack: {file.stat().st_size / 1e6:,.0f} MB")
