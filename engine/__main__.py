"""The command line, `python -m engine list | sweep | queue | verdicts | fit | weights | bench`, and its worker."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from engine import fit_commands, memory, plan, printed, queue_commands, registry, verdict_commands
from engine.asked import changed
from engine.deaths import Deaths
from engine.runner import SLOT_TAKEN, Queue
from engine.spec import RunSpec, SweepSpec

if TYPE_CHECKING:
    from store.database import Database

LOOK_EVERY = 0.5
"""Seconds between looks at a sweep in training."""


def main(arguments: Sequence[str] | None = None, prog: str = "python -m engine") -> int:
    """Run one command; returns the exit code: 0 done, 1 not done, 2 bad input, 130 interrupted.

    `prog` is what the user called, for help and usage.
    """
    options = parser(prog).parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ValueError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as problem:
        from store.errors import StoreError  # loads DuckDB, which training needs not

        if not isinstance(problem, StoreError):
            raise
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return code


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, which takes the options and returns the exit code."""
    whole = argparse.ArgumentParser(prog=prog, description="Train sweeps of model sizes.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="what there is: architectures, data sets, presets, settings")
    listing.set_defaults(run=_list)

    sweep = commands.add_parser("sweep", help="train a preset, or what is missing of it")
    sweep.add_argument("preset", metavar="PRESET", help="a name from `list`")
    sweep.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KNOB=VALUE",
        help="change a setting; VALUE may be a list 4,8,16 or a range 0..4 or, log-spaced, 4..512x11",
    )
    sweep.add_argument("--seeds", metavar="N", help="train seeds 0 to N-1")
    sweep.add_argument("--dry-run", action="store_true", help="only say what it would cost")
    sweep.add_argument(
        "--predictions", type=Path, metavar="FILE.npz", help="write what each run answers to its test set"
    )
    sweep.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    sweep.set_defaults(run=_sweep)

    weights = commands.add_parser("weights", help="export the parameters of a run trained with keep_weights=on")
    weights.add_argument("key", metavar="KEY", help="of the run, as `sweep --json` and the CSV have it")
    weights.add_argument("file", type=Path, metavar="FILE.npz", help="an array per parameter, by name")
    weights.set_defaults(run=_weights)

    queue_commands.add_commands(commands)

    bench = commands.add_parser("bench", help="measure the engine against plain PyTorch loops on this machine")
    bench.add_argument("--workload", metavar="NAME", help="only this one")
    bench.add_argument("--json", action="store_true", help="print one JSON object per workload")
    bench.set_defaults(run=_bench)

    fit_commands.add_command(commands)
    verdict_commands.add_command(commands)

    gallery = commands.add_parser("gallery", help="train presets from nothing into the results that ship")
    gallery.add_argument("preset", nargs="*", metavar="PRESET", help="names from `list`; all of them when none")
    gallery.add_argument("--folder", type=Path, default=Path("store/gallery"), help="where the files go")
    gallery.set_defaults(run=_gallery)

    worker = commands.add_parser("worker", help="train what is queued; other commands start it")
    worker.add_argument("--slot", type=int, required=True)
    worker.add_argument("--linger", type=float, default=0.0)
    worker.set_defaults(run=_worker)
    return whole


def _list(options: argparse.Namespace) -> int:
    print(printed.catalogue())
    return 0


def _sweep(options: argparse.Namespace) -> int:
    from store.database import open_database

    sweep = changed(registry.preset(options.preset).settings, options.set, options.seeds)
    return _train_and_report(open_database(), sweep, options)


def _train_and_report(db: "Database", sweep: SweepSpec, options: argparse.Namespace) -> int:
    from store import queries, runs

    wanted = sweep.runs()
    begin = time.monotonic()
    missing = runs.missing(db, wanted)
    print(printed.cost_line(wanted, missing), file=sys.stderr, flush=True)
    if refused := memory.refusal(missing, Queue(db.home).resident()):
        raise ValueError(refused)
    interrupted = False
    if not options.dry_run:
        sweep_id = runs.save_sweep(db, sweep)
        try:
            train_missing(db, sweep_id, wanted, missing)
        except KeyboardInterrupt:
            interrupted = True
    table = queries.runs_at(db, wanted)
    still_missing = runs.missing(db, wanted)
    if options.predictions:
        _write_predictions(db, wanted, options.predictions)
    if options.json:
        found = {
            "sweep": sweep.key,
            "seconds": round(time.monotonic() - begin, 3),
            "predicted_seconds": round(plan.predicted_seconds(missing), 1),
            "trained": len(missing) - len(still_missing),
            "cached": len(wanted) - len(missing),
            "runs": printed.records(table, wanted),
        }
        print(json.dumps(found, allow_nan=False))
    elif not options.dry_run:
        print(printed.by_size(table))
    if interrupted:
        print(f"Stopped: {len(wanted) - len(still_missing)} of {len(wanted)} runs are kept.", file=sys.stderr)
        return 130
    return 0 if options.dry_run or not still_missing else 1


def _write_predictions(db: "Database", wanted: Sequence[RunSpec], path: Path) -> None:
    """Write arrays KEY.outputs, KEY.answers (where these are classes) and KEY.labels, of the runs that have them."""
    from engine.data import load
    from store import queries

    found = queries.predictions(db, wanted)
    arrays = {f"{key}.{name}": array for key, kept in found.items() for name, array in kept.items()}
    arrays |= {f"{run.key}.labels": load(run).test.y for run in wanted if run.key in found}
    printed.save(path, arrays)
    print(f"Predictions of {len(found)} of {len(wanted)} runs are in {path}.", file=sys.stderr)
    if len(found) < len(wanted):
        print("The others came with Scalescope, have no result, or found no room (see README).", file=sys.stderr)


def _weights(options: argparse.Namespace) -> int:
    from store import queries
    from store.database import open_database

    found = queries.weights(open_database(), options.key)
    if found is None:
        raise ValueError(
            f"KEY={options.key:.40} has no weights; allowed: the key of a run that was trained with keep_weights=on."
        )
    printed.save(options.file, found)
    print(f"{len(found)} parameters are in {options.file}.", file=sys.stderr)
    return 0


def train_missing(db: "Database", sweep_id: str, wanted: Sequence[RunSpec], missing: Sequence[RunSpec]) -> None:
    """Queue `missing`, keep workers on them and show progress, until each has a result or the job is stopped.

    A KeyboardInterrupt takes the job from the queue: what has finished stays.
    """
    from tqdm import tqdm

    from store import queries, runs

    if not missing:
        return
    runs.forget_failed(db, missing)
    queue = Queue(db.home)
    job, warned = queue.submit(sweep_id, missing), ""
    weights = {run.key: plan.run_seconds(run) for run in missing}
    bar_format = "{desc} {bar} {percentage:3.0f} %, {elapsed} gone, {remaining} left"
    try:
        with tqdm(total=sum(weights.values()), desc="Training", bar_format=bar_format, leave=False) as bar:
            while job in {waiting.id for waiting in queue.jobs()}:
                queue.tend()
                if not warned and (warned := queue.trouble()):
                    bar.write(warned, file=sys.stderr)
                time.sleep(LOOK_EVERY)
                done = queries.progress(db, missing)
                pairs = zip(done["key"], done["share"], strict=True)
                bar.update(sum(weights[key] * share for key, share in pairs) - bar.n)
    finally:
        queue.remove(job)


def _bench(options: argparse.Namespace) -> int:
    from engine import bench

    return bench.report(options.workload, options.json)


def _gallery(options: argparse.Namespace) -> int:
    from store import runs
    from store.database import open_database
    from store.shipped import export_gallery

    if not options.folder.is_dir():
        raise ValueError(
            f"--folder {options.folder} is not there; allowed: a folder that is, for the files of results."
        )
    for name in options.preset or registry.names("presets"):
        preset = registry.preset(name)
        sweep = SweepSpec.of(preset.settings)
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as nothing:
            os.environ["SCALESCOPE_GALLERY"] = nothing  # for this process and its workers: begin from nothing
            db = open_database(Path(home))
            begin = time.monotonic()
            train_missing(db, runs.save_sweep(db, sweep), sweep.runs(), sweep.runs())
            facts = {
                "preset": name,
                "title": preset.title,
                "seconds": round(time.monotonic() - begin, 1),
                "made": datetime.now(UTC).date().isoformat(),
                "machine": _machine(),
                "versions": {name: version(name) for name in ("torch", "numpy", "scikit-learn")}
                | {"python": platform.python_version()},
            }
            export_gallery(db, sweep, options.folder, name, facts)
            print(f"{name}: {sweep.size} runs in {facts['seconds']} s → {options.folder / name}.parquet")
    return 0


def _machine() -> str:
    from store.pack import processor

    return f"{processor()}, {plan.worker_count()} workers"


def _worker(options: argparse.Namespace) -> int:
    from store.database import StoreError, open_database
    from store.spool import PatientSpool, ingest

    db = open_database()
    queue = Queue(db.home)
    with queue.slot(options.slot) as free:
        if not free:
            return SLOT_TAKEN
        deaths = Deaths(db.home)
        deaths.examine(options.slot)  # before torch is loaded: the sooner, the surer what ended the last one
        deaths.listen(options.slot)
        from engine.worker import Worker, device_of

        device = device_of(options.slot)
        if device is not None:
            spool = PatientSpool(db, f"worker-{options.slot}")
            worker = Worker(queue, spool, options.slot, *device)
            worker.work(options.linger, own_process=True)
            worker.close()
            with suppress(StoreError):  # what cannot be taken in now, waits in the spool
                spool.close()
                ingest(db)
    return 0


if __name__ == "__main__":
    sys.exit(main())
