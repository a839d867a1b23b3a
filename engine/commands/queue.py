"""The commands of the queue: `scalescope queue list | add | pause | resume | cancel | retry`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.base.language import _, _n
from engine.commands.arguments import changed
from engine.commands.output import cost_line
from engine.plan import memory
from engine.queue.jobs import Job, Queue
from engine.queue.supervisor import Supervisor
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.commands.frame import Commands

if TYPE_CHECKING:
    from store.db.connection import Database

_SWEEP = _("its name, its key, its job, or a beginning of one of them that no other has")

_DELETED = "(a deleted sweep)"
"""Name of a sweep that the store no longer has, in JSON."""

_STATES = {"paused": _("paused"), "training": _("training"), "waiting": _("waiting")}
"""What the list shows for each state of a job."""


@dataclass(frozen=True, kw_only=True)
class _Opened:
    db: "Database"
    queue: Queue
    supervisor: Supervisor


def add_commands(commands: Commands) -> None:
    """Add `queue` to the commands of a parser."""
    parser = commands.add_parser(
        "queue",
        help=_("look at what is queued, from any terminal: add, pause, resume, cancel, retry"),
        description=_("Look at what is queued, from any terminal: add, pause, resume, cancel, retry."),
    )
    parser.set_defaults(run=_opening(_list), json=False)
    parts = parser.add_subparsers(metavar="ACTION")
    listing = parts.add_parser("list", help=_("the jobs, the oldest first: what `queue` alone shows"))
    listing.set_defaults(run=_opening(_list))
    add = parts.add_parser("add", help=_("train a preset or a saved sweep, or what is missing of it, without waiting"))
    add.add_argument("sweep", metavar="SWEEP", help=_("a preset from `list`, or a saved sweep's name or key"))
    add.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help=_("change a setting, as `sweep` does")
    )
    add.add_argument("--seeds", metavar="N", help=_("train seeds 0 to N-1"))
    add.set_defaults(run=_opening(_add))
    for name, run, words in (
        ("pause", _pause, _("hold the jobs of a sweep: workers keep what they have")),
        ("resume", _resume, _("let the jobs of a sweep go on")),
        ("cancel", _cancel, _("take the jobs of a sweep away: finished runs stay")),
        ("retry", _retry, _("train the failed runs of a sweep again")),
    ):
        action = parts.add_parser(name, help=words)
        action.add_argument("sweep", metavar="SWEEP", help=_SWEEP)
        action.set_defaults(run=_opening(run))
    for part in (parser, *parts.choices.values()):
        part.add_argument("--json", action="store_true", help=_("print JSON and nothing else on stdout"))


def _opening(act: Callable[[_Opened, argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return the command, which opens what `act` takes."""

    def run(options: argparse.Namespace) -> int:
        from store.home import open_database

        db = open_database()
        queue = Queue(db.home)
        return act(_Opened(db=db, queue=queue, supervisor=Supervisor(queue)), options)

    return run


def _list(opened: _Opened, options: argparse.Namespace) -> int:
    opened.supervisor.tend()  # every look at the queue looks after its workers
    found = [_described(opened, job) for job in opened.queue.jobs()]
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    if not found:
        print(_("The queue is empty."), file=sys.stderr)
        return 0
    print(_columns(_("job"), _("state"), _("done/runs"), _("failed"), _("workers"), _("name")))
    for row in found:
        share, workers = f"{row['done']}/{row['runs']}", ",".join(str(each["slot"]) for each in row["workers"])
        name = _("(a deleted sweep)") if row["name"] == _DELETED else row["name"]
        print(_columns(_short(row["job"]), _STATES[row["state"]], share, row["failed"], workers or "-", name))
    if trouble := opened.supervisor.trouble():
        print(trouble, file=sys.stderr)
    return 0


def _columns(job: str, state: str, share: str, failed: object, workers: str, name: str) -> str:
    """Return one line of the list."""
    return f"{job:8}  {state:8}{share:>11}{failed!s:>8}  {workers:7}  {name}"


def _described(opened: _Opened, job: Job) -> dict[str, Any]:
    """Return a job as JSON has it: `done` and `failed` count runs of it that have ended."""
    from store.results import queries

    states = list(queries.progress(opened.db, job.runs)["state"])
    workers = [
        {"slot": each.slot, "pid": each.pid}
        for each in opened.supervisor.workers()
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
    nothing = _("It is in the queue already.") if missing else _("All is trained: nothing to do.")
    return _submit(opened, options, sweep, open_runs, nothing)


def settings_of(db: "Database", text: str) -> dict[str, Any]:
    """Return the settings of a preset or of a saved sweep. Raises: ValueError: for a name that neither has."""
    from store.library import catalog, sweeps

    if text in registry.names("presets"):
        return dict(registry.preset(text).settings)
    try:
        found = catalog.find(db, text)
    except ValueError as problem:
        presets = ", ".join(registry.names("presets"))
        raise ValueError(_("{problem} Presets: {presets}.", problem=problem, presets=presets)) from None
    return dict(sweeps.load_sweep(db, found.sweep_id).settings)


def _retry(opened: _Opened, options: argparse.Namespace) -> int:
    from store.library import sweeps
    from store.results import queries

    sweep = sweeps.load_sweep(opened.db, _sweep_id(opened, options.sweep))
    table = queries.progress(opened.db, sweep.runs())
    failed = set(table["key"][table["state"] == "failed"])
    again = [run for run in sweep.runs() if run.key in failed]
    return _submit(opened, options, sweep, again, _("No run of this sweep has failed: nothing to do."))


def _submit(
    opened: _Opened, options: argparse.Namespace, sweep: SweepSpec, wanted: Sequence[RunSpec], nothing: str
) -> int:
    """Queue the `wanted` runs of a sweep and look after workers; print `nothing` when there are none."""
    from store.library import sweeps
    from store.results import runs

    job_id, said = None, nothing
    if wanted:
        if refused := memory.refusal(wanted, opened.supervisor.resident()):
            raise ValueError(refused)
        sweep_id = sweeps.save_sweep(opened.db, sweep)
        runs.forget_failed(opened.db, wanted)
        job_id = opened.queue.submit(sweep_id, wanted)
        said = _n(
            "Queued as {job}: {n} to train. `scalescope queue` shows how far it is.",
            "Queued as {job}: {n} to train. `scalescope queue` shows how far it is.",
            len(wanted),
            job=_short(job_id),
        )
    opened.supervisor.tend()
    return _say(options, said, {"sweep": sweep.key, "job": job_id, "queued": len(wanted)})


def _pause(opened: _Opened, options: argparse.Namespace) -> int:
    said = _("Paused: workers keep what they have; `resume` lets it go on.")
    return _each(opened, options, opened.queue.pause, said)


def _resume(opened: _Opened, options: argparse.Namespace) -> int:
    return _each(opened, options, opened.queue.resume, _("Resumed."))


def _cancel(opened: _Opened, options: argparse.Namespace) -> int:
    said = _("Cancelled: what has finished is kept; `add` trains the rest.")
    return _each(opened, options, opened.queue.stop, said)


def _each(opened: _Opened, options: argparse.Namespace, act: Callable[[str], None], said: str) -> int:
    jobs = _jobs(opened, options.sweep)
    for job in jobs:
        act(job.id)
    opened.supervisor.tend()
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
            raise ValueError(_("sweep={sweep!r} may be several jobs; write more of it.", sweep=text[:80]))
        return found
    sweep_id = _sweep_id(opened, text)
    found = [job for job in jobs if job.sweep_id == sweep_id]
    if not found:
        raise ValueError(
            _("sweep={sweep!r} has no job in the queue; `scalescope queue` lists those there are.", sweep=text[:80])
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
        return _DELETED


def _short(job_id: str) -> str:
    """Return the eight digits by which people name a job."""
    return job_id.rpartition("-")[2]
