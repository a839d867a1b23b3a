"""The command `python -m store import-runs`: brings runs from elsewhere."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.db.connection import Database
from store.home import open_database
from store.imports import collections
from store.imports.choice import Choice
from store.imports.collections import Collection, ImportedRun
from store.imports.guess import guess
from store.imports.mapping import mapped
from store.imports.sources.registry import kinds, read, source

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_SHOWN = 5
"""Runs that are printed."""
_COLUMNS = {
    "size": "params or width of each run",
    "loss": "its loss",
    "data": "the examples or tokens that it saw",
    "compute": "the FLOPs of its training",
    "seed": "its seed",
    "series": "what tells the curves of one collection apart",
    "step": "then a row is a point of a run, not a run",
    "run": "names the run; needed with --step where size, seed, series and kept columns do not tell runs apart",
}


def add_commands(commands: "Commands") -> None:
    """Add the command; it sets `run`, which takes the parsed options and returns the exit code."""
    titles = ", ".join(source(kind).title for kind in kinds())
    text = f"Bring runs from elsewhere: {titles}."
    parser = commands.add_parser("import-runs", help="bring runs from elsewhere, by choosing columns", description=text)
    parser.add_argument("source", type=Path, metavar="SOURCE", help="a file or a folder")
    parser.add_argument("--kind", choices=kinds(), default="", help="usually told by the content")
    for name, words in _COLUMNS.items():
        parser.add_argument(f"--{name}", dest=f"{name}_column", default="", metavar="COL", help=words)
    parser.add_argument("--size-is", choices=collections.SIZES, default="", help="usually params")
    parser.add_argument("--data-is", choices=collections.DATA, default="", help="usually examples")
    parser.add_argument("--keep", nargs="+", action="extend", default=[], metavar="COL", help="kept beside")
    parser.add_argument(
        "--where", nargs="+", action="extend", default=[], metavar="COL=VALUE", help="only such rows; != for others"
    )
    parser.add_argument("--name", default="", metavar="TEXT", help="of the collection; usually that of the source")
    parser.add_argument("--dry-run", action="store_true", help="say what it would make, and keep nothing")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.set_defaults(run=_import_runs)


def _import_runs(options: argparse.Namespace) -> int:
    raw = read(options.source, options.kind)
    choice = _chosen(options, guess(raw))
    collection = mapped(raw, choice)
    if not options.json:
        print("\n".join(described(collection)))
    if options.dry_run:
        kept, new = "", False
    else:
        kept, new = collections.save(open_database(), collection, options.name)
    if options.json:
        found = {"key": collection.key, "kept": bool(kept), "new": new, **_counts(collection)}
        print(json.dumps(found | {"mapping": dict(collection.mapping)}, indent=2, ensure_ascii=False))
    elif not kept:
        print("Nothing was kept: this was a dry run.")
    else:
        name = collections.describe(open_database(), kept)["name"]
        print(f"Imported as {name!r} ({kept[:8]})." if new else f"There already: {name!r} ({kept[:8]}).")
    return 0


def _chosen(options: argparse.Namespace, guessed: Choice) -> Choice:
    """Return what was asked for; size and loss that were not are taken from the headers, and nothing else."""
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
    """Return each imported collection that has all words of `search`, as `list --json` has it."""
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
    """Do one of the commands on a sweep with an imported collection. Raises: ValueError: where it is for sweeps."""
    found = collections.describe(db, key)
    name = found["name"]
    if command == "show":
        _show(found, as_json=options.json)
    elif command == "name":
        collections.rename(db, key, options.name)
        print(f"{name!r} is now called {options.name.strip()!r}.")
    elif command == "note":
        collections.set_note(db, key, options.text)
        print(f"{name!r} has {'this' if options.text.strip() else 'no'} note now.")
    elif command != "delete":
        raise ValueError(f"{name!r} is an imported collection; {command} is for sweeps that were trained here.")
    elif options.yes:
        print(f"Removed: the imported collection {name!r} with {_counted(collections.delete(db, key), 'run')}.")
    else:
        print(
            f"This would remove the imported collection {name!r} with {_counted(found['runs'], 'run')}. "
            "To do it, add --yes.",
            file=sys.stderr,
        )
        return 1
    return 0


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    found = found | {"created": f"{found['created'].isoformat(timespec='seconds')}Z"}
    if as_json:
        said = {"key": found.pop("import_id"), "from": found.pop("source"), "source": "imported", **found}
        print(json.dumps(said, indent=2, ensure_ascii=False))
        return
    diverged = found["runs"] - found["finite"]
    lines = {
        "name": f"{found['name']} (imported)",
        "key": found["import_id"],
        "kind": found["kind"],
        "from": found["source"],
        "imported": found["created"],
        "runs": f"{found['runs']}: {found['finite']} with a finite loss, {diverged} without; {found['curves']} curves",
        "sizes": f"{found['sizes']}: {found['smallest']:.6g} to {found['largest']:.6g} {found['size_is']}",
        "data": found["data_is"] or "none",
        "note": found["note"] or "none",
    }
    for label, text in lines.items():
        print(f"{label:10}{_plain(text)}")
    print("columns")
    for use, column in found["mapping"].items():
        print(f"  {use} = {_plain(', '.join(column) if isinstance(column, list) else column)}")


def _counted(count: float, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _plain(text: str) -> str:
    """Return text as it is, unless a terminal would take part of it for a command."""
    return text if text.isprintable() else repr(text)


def described(collection: Collection) -> list[str]:
    """Return in words what a collection holds: how many runs, of which sizes, from which columns, and the first."""
    found = _counts(collection)
    chosen = ", ".join(f"{name} from {value!r}" for name, value in collection.mapping.items() if name in _COLUMNS)
    sizes = f"{found['smallest']:.6g} to {found['largest']:.6g} {collection.size_is}"
    runs = f"{_counted(found['runs'], 'run')} of {_counted(found['sizes'], 'size')}"
    lines = [f"{_plain(collection.source)}: {runs}, {sizes}; {chosen}.", f"Of these with a curve: {found['curves']:,}."]
    lost = found["runs"] - found["finite"]
    if lost:
        lines.append(f"Without a finite loss (diverged, or none was noted): {lost:,}, kept as such.")
    return lines + [_line(run, collection) for run in collection.runs[:_SHOWN]]


def _counts(collection: Collection) -> dict[str, int | float]:
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
        ("FLOPs", run.compute),
        ("seed", run.seed),
        ("loss", run.loss),
    )
    said = ", ".join(f"{name} {value:.6g}" for name, value in parts if value is not None)
    return f"  {run.name!r:.60}: {said}{f', {len(run.step)} points' if run.step else ''}"
