"""The command that exports the parameters of a run: `weights`."""

import argparse
import sys
from pathlib import Path

from engine.base.language import _, _n
from engine.commands import output
from store.commands.frame import Commands


def add_command(commands: Commands) -> None:
    """Add `weights` to the commands of a parser."""
    weights = commands.add_parser("weights", help=_("export the parameters of a run trained with keep_weights=on"))
    weights.add_argument("key", metavar="KEY", help=_("of the run, as `sweep --json` and the CSV have it"))
    weights.add_argument("file", type=Path, metavar="FILE.npz", help=_("an array per parameter, by name"))
    weights.set_defaults(run=_weights)


def _weights(options: argparse.Namespace) -> int:
    from store.home import open_current
    from store.results import queries

    found = queries.weights(open_current(), options.key)
    if found is None:
        raise ValueError(
            _(
                "KEY={key:.40} has no weights; allowed: the key of a run that was trained with keep_weights=on.",
                key=options.key,
            )
        )
    output.save(options.file, found)
    said = _n("{n} parameter is in {file}.", "{n} parameters are in {file}.", len(found), file=options.file)
    print(said, file=sys.stderr)
    return 0
