"""The frame around every command, of the engine's and of the store's command line: from arguments to exit code."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from engine.base.language import _
from store.db.errors import StoreError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The commands of a parser, to which more can be added."""
Command: TypeAlias = Callable[[argparse.Namespace], int]
"""Takes the options and returns the exit code."""


def add_command(commands: Commands, name: str, run: Command, text: str) -> argparse.ArgumentParser:
    """Add a command, which `text` describes without a full stop; return its parser."""
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Run the command that `arguments` name, by the `run` that it set; return the exit code.

    0 done, 1 not done (what the store cannot do, in a sentence), 2 bad input (in a sentence), 130 interrupted.
    """
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, StoreError) as problem:
        print(_("error: {problem}", problem=problem), file=sys.stderr)
        return 2 if isinstance(problem, ValueError) else 1
    except KeyboardInterrupt:
        return 130
    return code
