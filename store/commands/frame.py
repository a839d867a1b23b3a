"""The frame around every command, of the engine's and of the store's command line: from arguments to exit code."""

import argparse
import os
import sys
from collections.abc import Sequence

from store.db.errors import StoreError


def run_command(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Run the command that `arguments` name, by the `run` that it set; return the exit code.

    0 done, 1 not done (what the store cannot do, in a sentence), 2 bad input (in a sentence), 130 interrupted.
    """
    options = parser.parse_args(arguments)
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
