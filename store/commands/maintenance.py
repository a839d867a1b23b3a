"""The commands on the store as a whole: backup, accept, vacuum."""

import argparse
from pathlib import Path

from engine.base.language import _
from store.commands.frame import Commands, add_command
from store.db import integrity
from store.db.backup import backup, vacuum
from store.home import open_current, open_database


def add_commands(commands: Commands) -> None:
    """Add each command to those of a parser; it sets `run`, which takes the options and returns the exit code."""
    copy = add_command(commands, "backup", _backup, _("write the store to another file, whole or not at all"))
    copy.add_argument("file", type=Path, metavar="FILE", help=_("new, or an older backup that it replaces"))
    accepting = _("take a store that lacks changes, as a warning says, for whole from now on")
    add_command(commands, "accept", _accept, accepting)
    add_command(commands, "vacuum", _vacuum, _("give back the space that nothing in the store uses any more"))


def _backup(options: argparse.Namespace) -> int:
    count = backup(open_current(), options.file)
    print(
        _(
            "{file} holds the store with {count} runs. To use it: put it as scalescope.duckdb into a new folder, \n"
            "and set SCALESCOPE_HOME to that folder.",
            file=options.file,
            count=count,
        )
    )
    return 0


def _accept(options: argparse.Namespace) -> int:
    db = open_database()
    if integrity.lost(db):
        integrity.accept(db)
        print(_("The store is taken as it is."))
    else:
        print(_("Nothing is missing from the store."))
    return 0


def _vacuum(options: argparse.Namespace) -> int:
    before, after = vacuum(open_database())
    sizes = {"after": after / 2**20, "before": before / 2**20}
    print(_("The store takes {after:,.1f} MiB; before, it took {before:,.1f}.", **sizes))
    return 0
