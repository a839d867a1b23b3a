"""The commands on saved sweeps: list, show, name, note, tag, untag, archive, unarchive, delete."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from engine.base.language import _, _n
from store.commands import imports
from store.commands.frame import Commands, add_command
from store.db.connection import Database
from store.home import open_database
from store.imports import collections
from store.library import catalog, listing, sweeps
from store.results.spool import ingest

_OfSweep = Callable[[Database, catalog.Found, argparse.Namespace], int]


def add_commands(commands: Commands) -> None:
    """Add each command to those of a parser; it sets `run`, which takes the options and returns the exit code."""
    shown = add_command(commands, "list", _list, _("the saved sweeps, newest first"))
    shown.add_argument("--archived", action="store_true", help=_("those that were archived instead"))
    shown.add_argument("--search", default="", metavar="WORDS", help=_("those with all of them in name, note, tags, …"))
    shown.add_argument("--limit", type=int, default=2**31, metavar="N", help=_("no more than so many"))
    _of_sweep(commands, "show", _show, _("settings, runs by state, note and tags of a sweep"))
    for command in ("list", "show"):
        commands.choices[command].add_argument("--json", action="store_true", help=_("print JSON and nothing else"))
    _of_sweep(commands, "name", _name, _("give a sweep another name")).add_argument("name", metavar="NAME")
    note = _of_sweep(commands, "note", _note, _("keep a note with a sweep, in place of the one before"))
    note.add_argument("text", metavar="TEXT", help=_('"" takes the note away'))
    tag = _of_sweep(commands, "tag", _tag, _("tag a sweep"))
    untag = _of_sweep(commands, "untag", _untag, _("take tags from a sweep"))
    for parser in (tag, untag):
        parser.add_argument("tags", nargs="+", metavar="TAG", help=_("letters, digits and . _ : / + -"))
    _of_sweep(commands, "archive", _archive, _("put a sweep aside: lists leave it out, links to it work"))
    _of_sweep(commands, "unarchive", _unarchive, _("bring a sweep back"))
    delete = _of_sweep(commands, "delete", _delete, _("remove a sweep, and results that no other sweep shares"))
    delete.add_argument("--yes", action="store_true", help=_("do it; without, only say what would be removed"))


def _of_sweep(commands: Commands, name: str, act: _OfSweep, text: str) -> argparse.ArgumentParser:
    """Add a command on the sweep, or the imported collection, that a person names."""

    def run(options: argparse.Namespace) -> int:
        db = open_database()
        imported = collections.find(db, options.sweep)
        if imported is not None:
            return imports.of_import(db, imported, name, options)
        return act(db, catalog.find(db, options.sweep), options)

    parser = add_command(commands, name, run, text)
    help = _("its name, its key, or a beginning of either that no other sweep has")
    parser.add_argument("sweep", metavar="SWEEP", help=help)
    return parser


def _list(options: argparse.Namespace) -> int:
    if options.limit < 1:
        raise ValueError(_("--limit {n} is not possible; allowed: a whole number from 1.", n=options.limit))
    db = open_database()
    page = listing.page(db, options.search, archived=options.archived, rows=options.limit)
    rows = page.rows.to_dict("records")
    imported = [] if options.archived else imports.listed(db, options.search)
    if options.json:
        print(json.dumps([*map(_as_json, rows), *imported], indent=2, ensure_ascii=False))
        return 0
    print(_("key       finished/runs  when (UTC)        name  [tags]"))
    for line in (*map(_line, rows), *map(_imported_line, imported)):
        print(line)
    if rest := page.total - len(rows):
        print(_("And {rest} more (list --limit, list --search)", rest=rest), file=sys.stderr)
    if not options.archived and (rest := listing.page(db, options.search, archived=True, rows=1).total):
        print(_("Archived besides: {count} (list --archived)", count=rest), file=sys.stderr)
    return 0


def _line(row: dict[str, Any]) -> str:
    finished = f"{row['done']}/{row['runs']}"
    tags = f"  [{', '.join(row['tags'])}]" if row["tags"] else ""
    failed = _("  ({count} failed)", count=row["failed"]) if row["failed"] else ""
    return f"{row['sweep_id'][:8]}  {finished:>13}  {row['created']:%Y-%m-%d %H:%M}  {row['name']}{tags}{failed}"


def _imported_line(row: dict[str, Any]) -> str:
    when = row["created"][:16].replace("T", " ")
    name = _("{name}  (imported: {kind})", name=row["name"], kind=row["kind"])
    return f"{row['key'][:8]}  {row['finished']:>6}/{row['runs']:<6}  {when}  {name}"


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "key": row["sweep_id"],
        "dataset": row["dataset"],
        "arch": row["arch"],
        "runs": int(row["runs"]),
        "finished": int(row["done"]),
        "failed": int(row["failed"]),
        "training": int(row["running"]),
        "created": _utc(row["created"]),
        "tags": list(row["tags"]),
        "note": row["note"],
        "archived": bool(row["archived"]),
        "source": "trained",
    }


def _show(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    found = catalog.describe(db, sweep.sweep_id)
    found["created"] = _utc(found["created"])
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    states = ", ".join(f"{count} {state}" for state, count in found["states"].items())
    name = found["name"]
    lines = (
        (_("name"), _("{name} (archived)", name=name) if found["archived"] else name),
        (_("key"), found["key"]),
        (_("created"), found["created"]),
        (_("runs"), f"{found['runs']}: {states}"),
        (_("tags"), ", ".join(found["tags"]) or _("none")),
        (_("note"), found["note"] or _("none")),
    )
    for label, text in lines:
        print(f"{label:9}{text}")
    print(_("settings (others at their default)"))
    for knob, values in found["settings"].items():
        print(f"  {knob} = {', '.join(map(str, values if isinstance(values, list) else [values]))}")
    return 0


def _name(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    sweeps.rename_sweep(db, sweep.sweep_id, options.name)
    print(imports.renamed(sweep.name, options.name))
    return 0


def _note(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    catalog.set_note(db, sweep.sweep_id, options.text)
    print(imports.noted(sweep.name, options.text))
    return 0


def _tag(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    return _say_tags(sweep, catalog.add_tags(db, sweep.sweep_id, options.tags))


def _untag(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    return _say_tags(sweep, catalog.remove_tags(db, sweep.sweep_id, options.tags))


def _say_tags(sweep: catalog.Found, tags: list[str]) -> int:
    print(_("{name!r} has these tags now: {tags}.", name=sweep.name, tags=", ".join(tags) or _("none")))
    return 0


def _archive(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    catalog.archive(db, sweep.sweep_id, True)
    print(_("{name!r} is archived; `unarchive` brings it back.", name=sweep.name))
    return 0


def _unarchive(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    catalog.archive(db, sweep.sweep_id, False)
    print(_("{name!r} is in the list again.", name=sweep.name))
    return 0


def _delete(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    if not options.yes:
        ingest(db)
        share = catalog.share(db, sweep.sweep_id)
        print(
            _(
                "This would remove the sweep {name!r} and {results} To do it, add --yes.",
                name=sweep.name,
                results=_results(share),
            ),
            file=sys.stderr,
        )
        return 1
    share = catalog.delete(db, sweep.sweep_id)
    print(_("Removed: the sweep {name!r} and {results}", name=sweep.name, results=_results(share)))
    return 0


def _results(share: catalog.Share) -> str:
    return _n(
        "{n} result of its runs; {shared} that other sweeps share stay.",
        "{n} results of its runs; {shared} that other sweeps share stay.",
        share.own,
        shared=share.shared,
    )


def _utc(created: datetime | Any) -> str:
    return f"{created.isoformat(timespec='seconds')}Z"
