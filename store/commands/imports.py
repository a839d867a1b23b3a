"""The command that imports runs from elsewhere, import-runs, and the commands on imported collections."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.base.language import _, _n
from store.commands.frame import Commands
from store.db.connection import Database
from store.home import open_database
from store.imports import collections
from store.imports.choice import Choice
from store.imports.collections import Collection, ImportedRun
from store.imports.guess import guess
from store.imports.mapping import mapped
from store.imports.sources.registry import kinds, read, source

_SHOWN = 5
"""Most runs that are printed."""
_COLUMNS = {
    "size": _("params or width of each run"),
    "loss": _("its loss"),
    "data": _("the examples or tokens that it saw"),
    "compute": _("the FLOPs of its training"),
    "seed": _("its seed"),
    "series": _("what tells the curves of one collection apart"),
    "step": _("then a row is a point of a run, not a run"),
    "run": _("names the run; needed with --step where size, seed, series and kept columns do not tell runs apart"),
}
"""What a column may be, and the help of the option that chooses it."""


def add_commands(commands: Commands) -> None:
    """Add the command; it sets `run`, which takes the parsed options and returns the exit code."""
    titles = ", ".join(source(kind).title for kind in kinds())
    text = _("Bring runs from elsewhere: {titles}.", titles=titles)
    help = _("bring runs from elsewhere, by choosing columns")
    parser = commands.add_parser("import-runs", help=help, description=text)
    parser.add_argument("source", type=Path, metavar="SOURCE", help=_("a file or a folder"))
    parser.add_argument("--kind", choices=kinds(), default="", help=_("default: told by the content"))
    for use, words in _COLUMNS.items():
        parser.add_argument(f"--{use}", dest=f"{use}_column", default="", metavar="COL", help=words)
    parser.add_argument("--size-is", choices=collections.SIZES, default="", help=_("default: params"))
    parser.add_argument("--data-is", choices=collections.DATA, default="", help=_("default: examples"))
    parser.add_argument("--keep", nargs="+", action="extend", default=[], metavar="COL", help=_("kept beside"))
    where = _("only such rows; != for others")
    parser.add_argument("--where", nargs="+", action="extend", default=[], metavar="COL=VALUE", help=where)
    name = _("of the collection; default: that of the source")
    parser.add_argument("--name", default="", metavar="TEXT", help=name)
    parser.add_argument("--dry-run", action="store_true", help=_("say what it would make, and keep nothing"))
    parser.add_argument("--json", action="store_true", help=_("print JSON and nothing else"))
    parser.set_defaults(run=_import_runs)


def _import_runs(options: argparse.Namespace) -> int:
    raw = read(options.source, options.kind)
    choice = _chosen(options, guess(raw))
    collection = mapped(raw, choice)
    if not options.json:
        print("\n".join(described(collection)))
    if options.dry_run:
        key, new = "", False
    else:
        key, new = collections.save(open_database(), collection, options.name)
    if options.json:
        found = {"key": collection.key, "kept": bool(key), "new": new, **_counts(collection)}
        print(json.dumps(found | {"mapping": dict(collection.mapping)}, indent=2, ensure_ascii=False))
    elif not key:
        print(_("Nothing was kept: this was a dry run."))
    else:
        name = collections.describe(open_database(), key)["name"]
        values = {"name": name, "key": key[:8]}
        print(_("Imported as {name!r} ({key}).", **values) if new else _("There already: {name!r} ({key}).", **values))
    return 0


def _chosen(options: argparse.Namespace, guessed: Choice) -> Choice:
    """Return the choice of the options; size and loss come from the headers where no option names them."""
    choice = Choice(
        **{name: getattr(options, f"{name}_column") for name in _COLUMNS},
        size_is=options.size_is or "params",
        data_is=options.data_is or "examples",
        keep=tuple(options.keep),
        where=tuple(options.where),
    )
    if not choice.size and guessed.size:
        choice = replace(choice, size=guessed.size, size_is=options.size_is or guessed.size_is)
    return choice if choice.loss else replace(choice, loss=guessed.loss)


def listed(db: Database, search: str = "") -> list[dict[str, Any]]:
    """Return the imported collections with every word of `search`, as `list --json` prints them."""
    return [
        {
            "name": row["name"],
            "key": row["import_id"],
            "runs": int(row["runs"]),
            "finished": int(row["finite"]),
            "created": f"{row['created'].isoformat(timespec='seconds')}Z",
            "tags": [],
            "note": row["note"],
            "archived": False,
            "source": "imported",
            "kind": row["kind"],
        }
        for row in collections.imports(db, search).to_dict("records")
    ]


def of_import(db: Database, key: str, command: str, options: argparse.Namespace) -> int:
    """Do a command on an imported collection. Raises: ValueError: for a command on sweeps alone."""
    found = collections.describe(db, key)
    name = found["name"]
    if command == "show":
        _show(found, as_json=options.json)
    elif command == "name":
        collections.rename(db, key, options.name)
        print(renamed(name, options.name))
    elif command == "note":
        collections.set_note(db, key, options.text)
        print(noted(name, options.text))
    elif command != "delete":
        raise ValueError(
            _(
                "{name!r} is an imported collection; {command} is for sweeps that were trained here.",
                name=name,
                command=command,
            )
        )
    elif options.yes:
        count = _n("{n:,} run", "{n:,} runs", collections.delete(db, key))
        print(_("Removed: the imported collection {name!r} with {runs}.", name=name, runs=count))
    else:
        count = _n("{n:,} run", "{n:,} runs", found["runs"])
        sentence = _(
            "This would remove the imported collection {name!r} with {runs}. To do it, add --yes.",
            name=name,
            runs=count,
        )
        print(sentence, file=sys.stderr)
        return 1
    return 0


def renamed(old: str, new: str) -> str:
    """Return the sentence on a sweep or a collection that has another name now."""
    return _("{old!r} is now called {new!r}.", old=old, new=new.strip())


def noted(name: str, text: str) -> str:
    """Return the sentence on a sweep or a collection that has another note now."""
    if text.strip():
        return _("{name!r} has this note now.", name=name)
    return _("{name!r} has no note now.", name=name)


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    found = found | {"created": f"{found['created'].isoformat(timespec='seconds')}Z"}
    if as_json:
        said = {"key": found.pop("import_id"), "from": found.pop("source"), "source": "imported", **found}
        print(json.dumps(said, indent=2, ensure_ascii=False))
        return
    diverged = found["runs"] - found["finite"]
    runs = _("{runs}: {finite} with a finite loss, {diverged} without; {curves} curves", diverged=diverged, **found)
    lines = (
        (_("name"), _("{name} (imported)", name=found["name"])),
        (_("key"), found["import_id"]),
        (_("kind"), found["kind"]),
        (_("from"), found["source"]),
        (_("imported"), found["created"]),
        (_("runs"), runs),
        (_("sizes"), _("{sizes}: {smallest:.6g} to {largest:.6g} {size_is}", **found)),
        (_("data"), found["data_is"] or _("none")),
        (_("note"), found["note"] or _("none")),
    )
    for label, text in lines:
        print(f"{label:10}{_plain(text)}")
    print(_("columns"))
    for use, column in found["mapping"].items():
        print(f"  {use} = {_plain(', '.join(column) if isinstance(column, list) else column)}")


def _plain(text: str) -> str:
    """Return text as it is, or quoted where a terminal could take part of it for a command."""
    return text if text.isprintable() else repr(text)


def described(collection: Collection) -> list[str]:
    """Return lines on a collection: how many runs, of which sizes, from which columns, and the first runs."""
    found = _counts(collection)
    chosen = [
        _("{use} from {column!r}", use=use, column=column)
        for use, column in collection.mapping.items()
        if use in _COLUMNS
    ]
    lines = [
        _(
            "{source}: {runs} of {sizes}, {smallest:.6g} to {largest:.6g} {size_is}; {chosen}.",
            source=_plain(collection.source),
            runs=_n("{n:,} run", "{n:,} runs", found["runs"]),
            sizes=_n("{n:,} size", "{n:,} sizes", found["sizes"]),
            smallest=found["smallest"],
            largest=found["largest"],
            size_is=collection.size_is,
            chosen=", ".join(chosen),
        ),
        _("Of these with a curve: {count:,}.", count=found["curves"]),
    ]
    lost = found["runs"] - found["finite"]
    if lost:
        lines.append(_("Without a finite loss (diverged, or none was noted): {count:,}, kept as such.", count=lost))
    return lines + [_line(run, collection) for run in collection.runs[:_SHOWN]]


def _counts(collection: Collection) -> dict[str, Any]:
    sizes = [run.size for run in collection.runs]
    return {
        "runs": len(sizes),
        "finite": sum(run.loss is not None for run in collection.runs),
        "curves": sum(run.step is not None for run in collection.runs),
        "sizes": len(set(sizes)),
        "smallest": min(sizes),
        "largest": max(sizes),
    }


def _line(run: ImportedRun, collection: Collection) -> str:
    parts: Sequence[tuple[str, float | None]] = (
        (collection.size_is, run.size),
        (collection.data_is, run.data),
        (_("FLOPs"), run.compute),
        (_("seed"), run.seed),
        (_("loss"), run.loss),
    )
    said = [f"{name} {value:.6g}" for name, value in parts if value is not None]
    if run.step:
        said.append(_n("{n} point", "{n} points", len(run.step)))
    return f"  {run.name!r:.60}: {', '.join(said)}"
