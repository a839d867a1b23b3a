"""The command line of the store, `python -m store COMMAND`."""

import argparse
from collections.abc import Sequence

from engine.base.language import _
from store.commands import imports, library, maintenance, packs
from store.commands.frame import run_command


def main(arguments: Sequence[str] | None = None, prog: str = "python -m store") -> int:
    """Run one command, called as `prog`, and return its exit code; see store.commands.frame.run_command."""
    return run_command(parser(prog), arguments)


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, which takes the options and returns the exit code."""
    whole = argparse.ArgumentParser(prog=prog, description=_("Look after what was trained."))
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    for part in (library, maintenance, packs, imports):
        part.add_commands(commands)
    return whole
