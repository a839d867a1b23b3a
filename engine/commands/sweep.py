"""The command that trains a preset, or what is missing of it, and waits for it: `sweep`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.base.language import _, _n
from engine.commands import output
from engine.commands.arguments import changed
from engine.plan import cost, memory
from engine.plan.buckets import predicted_seconds
from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.commands.frame import Commands

if TYPE_CHECKING:
    from store.db.connection import Database

LOOK_EVERY = 0.5
"""Seconds between looks at a sweep in training."""


def add_command(commands: Commands) -> None:
    """Add `sweep` to the commands of a parser."""
    sweep = commands.add_parser("sweep", help=_("train a preset, or what is missing of it"))
    sweep.add_argument("preset", metavar="PRESET", help=_("a name from `list`"))
    sweep.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KNOB=VALUE",
        help=_("change a setting; VALUE may be a list 4,8,16 or a range 0..4 or, log-spaced, 4..512x11"),
    )
    sweep.add_argument("--seeds", metavar="N", help=_("train seeds 0 to N-1"))
    sweep.add_argument("--dry-run", action="store_true", help=_("only say what it would cost"))
    sweep.add_argument(
        "--predictions", type=Path, metavar="FILE.npz", help=_("write what each run answers to its test set")
    )
    sweep.add_argument("--json", action="store_true", help=_("print one JSON object and nothing else on stdout"))
    sweep.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    from store.home import open_current

    sweep = changed(registry.preset(options.preset).settings, options.set, options.seeds)
    return _train_and_report(open_current(), sweep, options)


def _train_and_report(db: "Database", sweep: SweepSpec, options: argparse.Namespace) -> int:
    from store.library import sweeps
    from store.results import queries, runs
    from store.results.spool import ingest

    wanted = sweep.runs()
    begin = time.monotonic()
    missing = runs.missing(db, wanted)
    print(output.cost_line(wanted, missing), file=sys.stderr, flush=True)
    if refused := memory.refusal(missing, Supervisor(Queue(db.home)).resident()):
        raise ValueError(refused)
    interrupted = False
    if not options.dry_run:
        sweep_id = sweeps.save_sweep(db, sweep)
        try:
            train_missing(db, sweep_id, wanted, missing)
        except KeyboardInterrupt:
            interrupted = True
        ingest(db)
    table = queries.runs_at(db, wanted)
    still_missing = runs.missing(db, wanted)
    if options.predictions:
        _write_predictions(db, wanted, options.predictions)
    if options.json:
        found = {
            "sweep": sweep.key,
            "seconds": round(time.monotonic() - begin, 3),
            "predicted_seconds": round(predicted_seconds(missing), 1),
            "trained": len(missing) - len(still_missing),
            "cached": len(wanted) - len(missing),
            "runs": output.records(table, wanted),
        }
        print(json.dumps(found, allow_nan=False))
    elif not options.dry_run:
        print(output.by_size(table))
    if interrupted:
        said = _n(
            "Stopped: {there} of {n} run is kept.",
            "Stopped: {there} of {n} runs are kept.",
            len(wanted),
            there=len(wanted) - len(still_missing),
        )
        print(said, file=sys.stderr)
        return 130
    return 0 if options.dry_run or not still_missing else 1


def _write_predictions(db: "Database", wanted: Sequence[RunSpec], path: Path) -> None:
    """Write arrays KEY.outputs, KEY.answers (where these are classes) and KEY.labels, of the runs that have them."""
    from engine.data.load import load
    from store.results import queries

    found = queries.predictions(db, wanted)
    arrays = {f"{key}.{name}": array for key, of_run in found.items() for name, array in of_run.items()}
    arrays |= {f"{run.key}.labels": load(run).test.y for run in wanted if run.key in found}
    output.save(path, arrays)
    said = _n(
        "Predictions of {found} of {n} run are in {file}.",
        "Predictions of {found} of {n} runs are in {file}.",
        len(wanted),
        found=len(found),
        file=path,
    )
    print(said, file=sys.stderr)
    if len(found) < len(wanted):
        said = _("The others came with Scalescope, have no result, or found no room (see docs/guide.md).")
        print(said, file=sys.stderr)


def train_missing(db: "Database", sweep_id: str, wanted: Sequence[RunSpec], missing: Sequence[RunSpec]) -> None:
    """Queue `missing`, look after workers and show progress, until each run has a result or the job is stopped.

    A KeyboardInterrupt removes the job from the queue: what has finished stays.
    """
    from tqdm import tqdm

    from store.results import queries, runs

    if not missing:
        return
    runs.forget_failed(db, missing)
    queue = Queue(db.home)
    supervisor, warned = Supervisor(queue), ""
    weights = {run.key: cost.run_seconds(run) for run in missing}
    bar_format = _("{desc} {bar} {percentage:3.0f} %, {elapsed} gone, {remaining} left")
    job = queue.submit(sweep_id, missing)  # the last before `try`: Ctrl-C between the two would leave the job
    try:
        with tqdm(total=sum(weights.values()), desc=_("Training"), bar_format=bar_format, leave=False) as bar:
            while job in {waiting.id for waiting in queue.jobs()}:
                supervisor.tend()
                if not warned and (warned := supervisor.trouble()):
                    bar.write(warned, file=sys.stderr)
                time.sleep(LOOK_EVERY)
                done = queries.progress(db, missing)
                pairs = zip(done["key"], done["share"], strict=True)
                bar.update(sum(weights[key] * share for key, share in pairs) - bar.n)
    finally:
        queue.remove(job)
