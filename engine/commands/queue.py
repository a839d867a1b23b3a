"""The commands of the queue: `python -m engine queue list | add | pause | resume | cancel | retry`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.commands.arguments import changed
from engine.commands.output import cost_line
from engine.plan import memory
from engine.queue.jobs import Job, Queue
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec

if TYPE_CHECKING:
    from store.db.connection import Database

_SWEEP = "its name, its key, its job, or a beginning of one of them that no other has"


@dataclass(frozen=True, kw_only=True)
class _Opened:
    db: "Database"
    queue: Queue


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `queue` to the commands of a parser."""
    text = "look at what is queued, from any terminal: add, pause, resume, cancel, retry"
    parser = commands.add_parser("queue", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=_opening(_list), json=False)
    parts = parser.add_subparsers(metavar="ACTION")
    listing = parts.add_parser("list", help="the jobs, the oldest first: what `queue` alone shows")
    listing.set_defaults(run=_opening(_list))
    add = parts.add_parser("add", help="train a preset or a saved sweep, or what is missing of it, without waiting")
    add.add_argument("sweep", metavar="SWEEP", help="a preset from `list`, or a saved sweep's name or key")
    add.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help="change a setting, as `sweep` does"
    )
    add.add_argument("--seeds", metavar="N", help="train seeds 0 to N-1")
    add.set_defaults(run=_opening(_add))
    for name, run, words in (
        ("pause", _pause, "hold the jobs of a sweep: workers keep what they have"),
        ("resume", _resume, "let the jobs of a sweep go on"),
        ("cancel", _cancel, "take the jobs of a sweep away: finished runs stay"),
        ("retry", _retry, "train the failed runs of a sweep again"),
    ):
        action = parts.add_parser(name, help=words)
        action.add_argument("sweep", metavar="SWEEP", help=_SWEEP)
        action.set_defaults(run=_opening(run))
    for part in (parser, *parts.choices.values()):
        part.add_argument("--json", action="store_true", help="print JSON and nothing else on stdout")


def _opening(act: Callable[[_Opened, argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return the command, which opens what `act` takes."""

    def run(options: argparse.Namespace) -> int:
        from store.home import open_database

        db = open_database()
        return act(_Opened(db=db, queue=Queue(db.home)), options)

    return run


def _list(opened: _Opened, options: argparse.Namespace) -> int:
    opened.queue.tend()  # who looks, looks after it
    found = [_described(opened, job) for job in opened.queue.jobs()]
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    if not found:
        print("The queue is empty.", file=sys.stderr)
        return 0
    print("job       state     done/runs  failed  workers  name")
    for row in found:
        share, workers = f"{row['done']}/{row['runs']}", ",".join(str(each["slot"]) for each in row["workers"])
        print(f"{_short(row['job'])}  {row['state']:8}{share:>11}{row['failed']:>8}  {workers or '-':7}  {row['name']}")
    if trouble := opened.queue.trouble():
        print(trouble, file=sys.stderr)
    return 0


def _described(opened: _Opened, job: Job) -> dict[str, Any]:
    """Return what is known of a job: done and failed count runs of it that have ended."""
    from store.results import queries

    states = list(queries.progress(opened.db, job.runs)["state"])
    workers = [
        {"slot": each.slot, "pid": each.pid}
        for each in opened.queue.workers()
        if any(not job.keys.isdisjoint(keys) for keys in each.buckets.values())
    ]
    paused = opened.queue.paused(job)
    return {
        "job": job.id,
        "sweep": job.sweep_id,
        "name": _name(opened, job.sweep_id),
        "state": "paused" if paused else "training" if workers else "waiting",
        "runs": len(job.runs),
        "done": sum(state in ("finished", "diverged") for state in states),
        "failed": states.count("failed"),
        "workers": workers,
    }


def _add(opened: _Opened, options: argparse.Namespace) -> int:
    from store.results import runs
    from store.results.spool import ingest

    sweep = changed(settings_of(opened.db, options.sweep), options.set, options.seeds)
    wanted = sweep.runs()
    ingest(opened.db)
    missing = runs.missing(opened.db, wanted)
    print(cost_line(wanted, missing), file=sys.stderr)
    queued = frozenset[str]().union(*(job.keys for job in opened.queue.jobs()))
    open_runs = [run for run in missing if run.key not in queued]
    nothing = "It is in the queue already." if missing else "All is trained: nothing to do."
    return _submit(opened, options, sweep, open_runs, nothing)


def settings_of(db: "Database", text: str) -> dict[str, Any]:
    """Return the settings of a preset or of a saved sweep. Raises: ValueError: for a name that neither has."""
    from store.library import catalog, sweeps

    if text in registry.names("presets"):
        return dict(registry.preset(text).settings)
    try:
        found = catalog.find(db, text)
    except ValueError as problem:
        raise ValueError(f"{problem} Presets: {', '.join(registry.names('presets'))}.") from None
    return dict(sweeps.load_sweep(db, found.sweep_id).settings)


def _retry(opened: _Opened, options: argparse.Namespace) -> int:
    from store.library import sweeps
    from store.results import queries

    sweep = sweeps.load_sweep(opened.db, _sweep_id(opened, options.sweep))
    table = queries.progress(opened.db, sweep.runs())
    failed = set(table["key"][table["state"] == "failed"])
    again = [run for run in sweep.runs() if run.key in failed]
    return _submit(opened, options, sweep, again, "No run of this sweep has failed: nothing to do.")


def _submit(
    opened: _Opened, options: argparse.Namespace, sweep: SweepSpec, wanted: Sequence[RunSpec], nothing: str
) -> int:
    """Queue `wanted` of a sweep and see to workers; `nothing` is what to say when there is none."""
    from store.library import sweeps
    from store.results import runs

    job_id, said = None, nothing
    if wanted:
        if refused := memory.refusal(wanted, opened.queue.resident()):
            raise ValueError(refused)
        sweep_id = sweeps.save_sweep(opened.db, sweep)
        runs.forget_failed(opened.db, wanted)
        job_id = opened.queue.submit(sweep_id, wanted)
        said = f"Queued as {_short(job_id)}: {len(wanted)} to train. `python -m engine queue` shows how far it is."
    opened.queue.tend()
    return _say(options, said, {"sweep": sweep.key, "job": job_id, "queued": len(wanted)})


def _pause(opened: _Opened, options: argparse.Namespace) -> int:
    return _each(opened, options, opened.queue.pause, "Paused: workers keep what they have; `resume` lets it go on.")


def _resume(opened: _Opened, options: argparse.Namespace) -> int:
    return _each(opened, options, opened.queue.resume, "Resumed.")


def _cancel(opened: _Opened, options: argparse.Namespace) -> int:
    return _each(opened, options, opened.queue.stop, "Cancelled: what has finished is kept; `add` trains the rest.")


def _each(opened: _Opened, options: argparse.Namespace, act: Callable[[str], None], said: str) -> int:
    jobs = _jobs(opened, options.sweep)
    for job in jobs:
        act(job.id)
    opened.queue.tend()
    return _say(options, said, {"jobs": [job.id for job in jobs]})


def _say(options: argparse.Namespace, said: str, found: dict[str, Any]) -> int:
    if options.json:
        print(json.dumps(found))
    else:
        print(said)
    return 0


def _jobs(opened: _Opened, text: str) -> list[Job]:
    """Return the job, or the jobs of the sweep, that somebody names."""
    jobs = opened.queue.jobs()
    if found := [job for job in jobs if text and (_short(job.id).startswith(text) or job.id == text)]:
        if len(found) > 1:
            raise ValueError(f"sweep={text[:80]!r} may be several jobs; write more of it.")
        return found
    sweep_id = _sweep_id(opened, text)
    found = [job for job in jobs if job.sweep_id == sweep_id]
    if not found:
        raise ValueError(
            f"sweep={text[:80]!r} has no job in the queue; `python -m engine queue` lists those there are."
        )
    return found


def _sweep_id(opened: _Opened, text: str) -> str:
    from store.library import catalog

    for job in opened.queue.jobs():
        if text and text in (job.id, _short(job.id)):
            return job.sweep_id
    return catalog.find(opened.db, text).sweep_id


def _name(opened: _Opened, sweep_id: str) -> str:
    from store.library import catalog

    try:
        return catalog.find(opened.db, sweep_id).name
    except ValueError:
        return "(a deleted sweep)"


def _short(job_id: str) -> str:
    """Return the eight digits by which people name a job."""
    return job_id.rpartition("-")[2]
