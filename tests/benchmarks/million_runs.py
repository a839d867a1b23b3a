"""Builds a store of a million runs, prints its sizes and times: `python tests/benchmarks/million_runs.py`.

Its curves are those of runs that it trains, 40 of each width, times 1 + 1e-5 × normal noise so that no two are alike;
errors stay shares of examples. `--runs 100000` for fewer. A million need about 8 GB in `--folder`.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from engine.spec.count import count
from engine.spec.result import METRICS, EvalPoint
from engine.spec.run import ENGINE_VERSION, train_flops
from engine.spec.sweep import SweepSpec
from engine.train.loop import eval_steps, train
from store.db.connection import Database
from store.home import open_database
from store.library import catalog, listing
from store.library.sweeps import add_sweep, load_sweep
from store.results import queries, result_files, runs, spool
from store.results.rows import SCHEMA, SETTING_COLUMNS, config_text
from tests.benchmarks import store_sizes

WIDTHS, SEEDS, STEPS = (2, 4, 8, 16, 32), 100, 20_000
"""Of each sweep: 500 runs of 50 eval points, in a bucket for each width. Sweeps differ in the learning rate."""
TRAINED = 40
"""Seeds of each width that are trained."""
SWEEPS_AT_ONCE = 100
"""That are in the spool when it is ingested."""


def main() -> None:
    """Build the store and print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10**6, help="a multiple of 500")
    parser.add_argument("--folder", type=Path, help="where the store is built, on a disk with room")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, tempfile.TemporaryDirectory() as nothing:
        os.environ["SCALESCOPE_GALLERY"] = nothing
        curves = {width: _train(width) for width in WIDTHS}
        store_sizes.print_floor(curves)
        db = open_database(Path(folder) / "home")
        _build(db, options.runs // (len(WIDTHS) * SEEDS), curves)
        store_sizes.print_sizes(db)
        _print_queries(db, options.runs // (len(WIDTHS) * SEEDS))
        store_sizes.print_packs(db, Path(folder))


def _sweep(number: int, seeds: int = SEEDS) -> SweepSpec:
    rates = {"lr": round(0.001 + number * 1e-6, 7)}
    return SweepSpec.of({"dataset": "moons", "width": WIDTHS, "seed": tuple(range(seeds)), "steps": STEPS} | rates)


def _train(width: int) -> np.ndarray:
    """Return what was measured of runs of this width: (runs, eval points, metrics)."""
    bucket = tuple(run for run in _sweep(0, TRAINED).runs() if run.width == width)
    points: list[tuple[EvalPoint, ...]] = [point for point in train(bucket) if point]
    return np.array([[one.metrics for one in point] for point in points]).swapaxes(0, 1)


def _build(db: Database, sweeps: int, curves: dict[int, np.ndarray]) -> None:
    """Write buckets into the spool and ingest them, some sweeps at once."""
    dice = np.random.default_rng(0)
    seconds = cpu = 0.0
    for start in range(0, sweeps, SWEEPS_AT_ONCE):
        numbers = range(start, min(start + SWEEPS_AT_ONCE, sweeps))
        with db.writing() as con:
            for number in numbers:
                add_sweep(con, _sweep(number), f"moons, learning rate {number}")
        for number in numbers:
            for bucket in _buckets(_sweep(number), curves, dice):
                name = f"{time.time_ns()}-{number}.arrow"
                result_files.write(db.spool / name, bucket, durable=False)
        began, used = time.perf_counter(), time.process_time()
        spool.ingest(db)
        seconds, cpu = seconds + time.perf_counter() - began, cpu + time.process_time() - used
    done = sweeps * len(WIDTHS) * SEEDS
    print(
        f"\ningest: {done:,} runs in {seconds:.1f} s, {done / seconds:,.0f} runs/s ({done / cpu:,.0f} per CPU second)"
    )


def _buckets(sweep: SweepSpec, curves: dict[int, np.ndarray], dice: np.random.Generator) -> Iterator[pa.Table]:
    """Yield the rows of each width's runs."""
    steps = np.array(eval_steps(STEPS), np.uint32)
    for width, trained in curves.items():
        first = next(run for run in sweep.runs() if run.width == width)
        seeds = list(range(SEEDS))
        counts = count(first)
        alike = {name: getattr(first, name) for name in SETTING_COLUMNS} | {
            "params": counts.params,
            "params_non_embedding": counts.params_non_embedding,
            "train_flops": train_flops(first),
            "state": "finished",
            "seconds": dice.random(),
            "device": "cpu",
            "error": "",
            "engine_version": ENGINE_VERSION,
            "created": time.time_ns() // 1000,
            "config": config_text(first),
        }
        columns = {name: pa.array([value] * SEEDS, SCHEMA.field(name).type) for name, value in alike.items()}
        columns |= {"seed": pa.array(seeds, pa.uint32()), "data_seed": pa.array(seeds, pa.uint32())}
        columns["key"] = pa.array(first.sibling_keys(seeds, seeds))
        columns["step"] = _lists(np.tile(steps, (SEEDS, 1)))
        columns["point_seconds"] = _lists(np.tile(np.sort(dice.random(len(steps))), (SEEDS, 1)))
        measured = trained[np.arange(SEEDS) % TRAINED]
        noise = 1 + 1e-5 * dice.standard_normal(measured.shape)
        noise[..., [place for place, name in enumerate(METRICS) if name.endswith("_error")]] = 1
        for place, name in enumerate(METRICS):
            columns[name] = _lists((measured * noise)[..., place].astype(np.float32))
        yield pa.Table.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _lists(values: np.ndarray) -> pa.Array:
    """Return one list per row; what is no number is null, and a row without any."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1])
    there = np.isfinite(values)
    if not there.any():
        return pa.nulls(len(values), pa.list_(pa.from_numpy_dtype(values.dtype)))
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), mask=~there.ravel()))


def _print_queries(db: Database, sweeps: int) -> None:
    """Print the milliseconds of what pages ask, of a sweep of 500 runs and of one like a preset's, 35."""
    whole = _sweep(sweeps // 2).runs()
    few = tuple(run for run in whole if run.seed < 7)
    sweep_id, name = _sweep(sweeps // 2).key, f"moons, learning rate {sweeps // 2}"
    print(f"\n{'milliseconds':<28}{'first':>8}{'median':>8}{'CPU':>8}")
    for label, asked in (("35 runs", few), ("500 runs", whole)):
        print(label)
        _time("  runs_at last", partial(queries.runs_at, db, asked))
        _time("  runs_at best", partial(queries.runs_at, db, asked, "best"))
        _time("  runs_at step 1000", partial(queries.runs_at, db, asked, 1000))
        _time("  eval_steps", partial(queries.eval_steps, db, asked))
        _time("  progress", partial(queries.progress, db, asked))
        _time("  curves", partial(queries.curves, db, asked))
        _time("  missing", partial(runs.missing, db, asked))
    print(f"{sweeps:,} sweeps")
    _time("  first page", partial(listing.page, db))
    _time("  last page", partial(listing.page, db, number=sweeps))
    _time("  search for a word", partial(listing.page, db, f"{sweeps // 2}"))
    _time("  load_sweep", partial(load_sweep, db, sweep_id))
    _time("  find", partial(catalog.find, db, name))
    _time("  describe", partial(catalog.describe, db, sweep_id))


def _time(label: str, ask: Callable[[], object]) -> None:
    walls, cpus = [], []
    for _ in range(9):
        wall, cpu = time.perf_counter(), time.process_time()
        ask()
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    print(f"{label:<28}{walls[0]:>8.1f}{statistics.median(walls):>8.1f}{statistics.median(cpus):>8.1f}", flush=True)


if __name__ == "__main__":
    main()
