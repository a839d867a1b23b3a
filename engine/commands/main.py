"""The command line of the engine, `python -m engine COMMAND`: what each command takes, and what becomes of it."""

import argparse
from collections.abc import Sequence

from engine.base.language import _
from engine.commands import fit, gallery, output, queue, sweep, verdicts, weights, worker
from store.commands.frame import run_command


def main(arguments: Sequence[str] | None = None, prog: str = "python -m engine") -> int:
    """Run one command, called as `prog`, and return its exit code; see store.commands.frame.run_command."""
    return run_command(parser(prog), arguments)


def parser(prog: str) -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`, which takes the options and returns the exit code."""
    whole = argparse.ArgumentParser(prog=prog, description=_("Train sweeps of model sizes."))
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help=_("what there is: architectures, data sets, presets, settings"))
    listing.set_defaults(run=_list)
    sweep.add_command(commands)
    weights.add_command(commands)
    queue.add_commands(commands)
    bench = commands.add_parser("bench", help=_("measure the engine against plain PyTorch loops on this machine"))
    bench.add_argument("--workload", metavar="NAME", help=_("only this one"))
    bench.add_argument("--json", action="store_true", help=_("print one JSON object per workload"))
    bench.set_defaults(run=_bench)
    fit.add_command(commands)
    verdicts.add_command(commands)
    gallery.add_command(commands)
    worker.add_command(commands)
    return whole


def _list(options: argparse.Namespace) -> int:
    print(output.catalogue())
    return 0


def _bench(options: argparse.Namespace) -> int:
    from engine.bench import bench  # loads torch

    return bench.report(options.workload, options.json)
