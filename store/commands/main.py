"""The command line of the store, `python -m store COMMAND`."""

import argparse
from collections.abc import Sequence

from store.commands import imports, library, packs
from store.commands.frame import run_command


def main(arguments: Sequence[str] | None = None, prog: str = "python -m store") -> int:
    """Run one command, called as `prog`, and return its exit code; see store.commands.frame.run_command."""
    return run_command(parser(prog), arguments)


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, which takes the options and returns the exit code."""
    whole = argparse.ArgumentParser(prog=prog, description="Look after what was trained.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    library.add_commands(commands)
    packs.add_commands(commands)
    imports.add_commands(commands)
    return whole
