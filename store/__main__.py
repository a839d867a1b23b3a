"""The command line of the store: `python -m store list | show | … | export | import | verify | import-runs`."""

import argparse
import os
import sys
from collections.abc import Sequence

from store import import_commands, library_commands, pack_commands
from store.errors import StoreError


def main(arguments: Sequence[str] | None = None, prog: str = "python -m store") -> int:
    """Run one command; returns the exit code: 0 done, 1 not done, 2 bad input, 130 interrupted.

    `prog` is what the user called, for help and usage.
    """
    options = parser(prog).parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, StoreError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, ValueError) else 1
    except KeyboardInterrupt:
        return 130
    return code


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, which takes the options and returns the exit code."""
    whole = argparse.ArgumentParser(prog=prog, description="Look after what was trained.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    library_commands.add_commands(commands)
    pack_commands.add_commands(commands)
    import_commands.add_commands(commands)
    return whole


if __name__ == "__main__":
    sys.exit(main())
