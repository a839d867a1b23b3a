"""The commands that look after saved sweeps and the store's file: list, show, name, note, tag, …, backup, vacuum."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from store.commands import imports
from store.db import integrity
from store.db.backup import backup, vacuum
from store.db.connection import Database
from store.home import open_database
from store.imports import collections
from store.library import catalog, listing, sweeps
from store.results.spool import ingest

_Command = Callable[[argparse.Namespace], int]
_OfSweep = Callable[[Database, catalog.Found, argparse.Namespace], int]
_SWEEP = "its name, its key, or a beginning of either that no other sweep has"


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add each command to those of a parser; it sets `run`, which takes the options and returns the exit code."""
    shown = _add(commands, "list", _list, "the saved sweeps, newest first")
    shown.add_argument("--archived", action="store_true", help="those that were archived instead")
    shown.add_argument("--search", default="", metavar="WORDS", help="those with all of them in name, note, tags, …")
    shown.add_argument("--limit", type=int, default=2**31, metavar="N", help="no more than so many")
    _of_sweep(commands, "show", _show, "settings, runs by state, note and tags of a sweep")
    for command in ("list", "show"):
        commands.choices[command].add_argument("--json", action="store_true", help="print JSON and nothing else")
    _of_sweep(commands, "name", _name, "give a sweep another name").add_argument("name", metavar="NAME")
    note = _of_sweep(commands, "note", _note, "keep a note with a sweep, in place of the one before")
    note.add_argument("text", metavar="TEXT", help='"" takes the note away')
    tag = _of_sweep(commands, "tag", _tag, "tag a sweep")
    untag = _of_sweep(commands, "untag", _untag, "take tags from a sweep")
    for parser in (tag, untag):
        parser.add_argument("tags", nargs="+", metavar="TAG", help="letters, digits and . _ : / + -")
    _of_sweep(commands, "archive", _archive, "put a sweep aside: lists leave it out, links to it work")
    _of_sweep(commands, "unarchive", _unarchive, "bring a sweep back")
    delete = _of_sweep(commands, "delete", _delete, "remove a sweep, and results that no other sweep shares")
    delete.add_argument("--yes", action="store_true", help="do it; without, only say what would be removed")
    copying = _add(commands, "backup", _backup, "write the store to another file, whole or not at all")
    copying.add_argument("file", type=Path, metavar="FILE", help="new, or an older backup that it replaces")
    _add(commands, "accept", _accept, "take a store that lacks changes, as a warning says, for whole from now on")
    _add(commands, "vacuum", _vacuum, "give back the space that nothing in the store uses any more")


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: _Command, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _of_sweep(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: _OfSweep, text: str
) -> argparse.ArgumentParser:
    def found(options: argparse.Namespace) -> int:
        db = open_database()
        brought = collections.find(db, options.sweep)
        if brought is not None:
            return imports.of_import(db, brought, name, options)
        return run(db, catalog.find(db, options.sweep), options)

    parser = _add(commands, name, found, text)
    parser.add_argument("sweep", metavar="SWEEP", help=_SWEEP)
    return parser


def _list(options: argparse.Namespace) -> int:
    if options.limit < 1:
        raise ValueError(f"--limit {options.limit} is not possible; allowed: a whole number from 1.")
    db = open_database()
    shown = listing.page(db, options.search, archived=options.archived, rows=options.limit)
    brought = [] if options.archived else imports.listed(db, options.search)
    if options.json:
        found = [_as_json(row) for row in shown.rows.to_dict("records")]
        print(json.dumps(found + brought, indent=2, ensure_ascii=False))
        return 0
    print("key       finished/runs  when (UTC)        name  [tags]")
    for row in shown.rows.to_dict("records"):
        share = f"{row['done']}/{row['runs']}"
        tags = f"  [{', '.join(row['tags'])}]" if row["tags"] else ""
        failed = f"  ({row['failed']} failed)" if row["failed"] else ""
        print(f"{row['sweep_id'][:8]}  {share:>13}  {row['created']:%Y-%m-%d %H:%M}  {row['name']}{tags}{failed}")
    for row in brought:
        print(
            f"{row['key'][:8]}  {row['finished']:>6}/{row['runs']:<6}  {row['created'][:16].replace('T', ' ')}  "
            f"{row['name']}  (imported: {row['kind']})"
        )
    if rest := shown.total - len(shown.rows):
        print(f"And {rest} more (list --limit, list --search)", file=sys.stderr)
    if not options.archived and (rest := listing.page(db, options.search, archived=True, rows=1).total):
        print(f"Archived besides: {rest} (list --archived)", file=sys.stderr)
    return 0


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
        "created": _when(row["created"]),
        "tags": list(row["tags"]),
        "note": row["note"],
        "archived": bool(row["archived"]),
        "source": "trained",
    }


def _show(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    found = catalog.describe(db, sweep.sweep_id)
    found["created"] = _when(found["created"])
    if options.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    states = ", ".join(f"{count} {state}" for state, count in found["states"].items())
    lines = {
        "name": found["name"] + (" (archived)" if found["archived"] else ""),
        "key": found["key"],
        "created": found["created"],
        "runs": f"{found['runs']}: {states}",
        "tags": ", ".join(found["tags"]) or "none",
        "note": found["note"] or "none",
    }
    for label, text in lines.items():
        print(f"{label:9}{text}")
    print("settings (others as usual)")
    for knob, values in found["settings"].items():
        print(f"  {knob} = {', '.join(map(str, values if isinstance(values, list) else [values]))}")
    return 0


def _name(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    sweeps.rename_sweep(db, sweep.sweep_id, options.name)
    print(f"{sweep.name!r} is now called {options.name.strip()!r}.")
    return 0


def _note(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    catalog.set_note(db, sweep.sweep_id, options.text)
    print(f"{sweep.name!r} has {'this' if options.text.strip() else 'no'} note now.")
    return 0


def _tag(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    return _say_tags(sweep, catalog.add_tags(db, sweep.sweep_id, options.tags))


def _untag(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    return _say_tags(sweep, catalog.remove_tags(db, sweep.sweep_id, options.tags))


def _say_tags(sweep: catalog.Found, tags: list[str]) -> int:
    print(f"{sweep.name!r} has these tags now: {', '.join(tags) or 'none'}.")
    return 0


def _archive(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    catalog.archive(db, sweep.sweep_id, True)
    print(f"{sweep.name!r} is archived; `unarchive` brings it back.")
    return 0


def _unarchive(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    catalog.archive(db, sweep.sweep_id, False)
    print(f"{sweep.name!r} is in the list again.")
    return 0


def _delete(db: Database, sweep: catalog.Found, options: argparse.Namespace) -> int:
    if not options.yes:
        share = catalog.share(db, sweep.sweep_id)
        print(f"This would remove the sweep {sweep.name!r} and {_results(share)} To do it, add --yes.", file=sys.stderr)
        return 1
    share = catalog.delete(db, sweep.sweep_id)
    print(f"Removed: the sweep {sweep.name!r} and {_results(share)}")
    return 0


def _results(share: catalog.Share) -> str:
    return f"{share.own} results of its runs; {share.shared} that other sweeps share stay."


def _backup(options: argparse.Namespace) -> int:
    db = open_database()
    ingest(db)
    count = backup(db, options.file)
    print(
        f"{options.file} holds the store with {count} runs. To use it: put it as scalescope.duckdb into a new folder, "
    )
    print("and set SCALESCOPE_HOME to that folder.")
    return 0


def _accept(options: argparse.Namespace) -> int:
    db = open_database()
    if integrity.lost(db):
        integrity.accept(db)
        print("The store is taken as it is.")
    else:
        print("Nothing is missing from the store.")
    return 0


def _vacuum(options: argparse.Namespace) -> int:
    before, after = vacuum(open_database())
    print(f"The store takes {after / 2**20:,.1f} MiB; before, it took {before / 2**20:,.1f}.")
    return 0


def _when(created: datetime | Any) -> str:
    return f"{created.isoformat(timespec='seconds')}Z"
