"""The command `python -m engine fit`: a scaling law fitted to a table of runs."""

import argparse
import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.laws import catalog, optimum
from engine.laws.observations import Observations, observe
from engine.laws.result import Fit

MOST_ROWS = 1_000_000
"""Of a table."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command, with `run`, which takes the parsed options and returns the exit code."""
    fit = commands.add_parser("fit", help="fit a scaling law to a table of runs, and test it on the largest")
    fit.add_argument("--csv", type=Path, required=True, metavar="FILE", help="a row per run, its columns named above")
    fit.add_argument("--law", metavar="NAME", help=", ".join(catalog.LAWS))
    fit.add_argument("--compare", action="store_true", help="rank the laws by the error on the largest, held out")
    fit.add_argument("--n", required=True, metavar="COL", help="model size, in params")
    amount = fit.add_mutually_exclusive_group()
    amount.add_argument("--d", metavar="COL", help="training examples or tokens")
    amount.add_argument("--c", metavar="COL", help="training FLOPs, from which D = C / 6N")
    fit.add_argument("--unique", metavar="COL", help="different examples or tokens, for data-constrained")
    fit.add_argument("--loss", required=True, metavar="COL", help="what is predicted")
    fit.add_argument("--run", dest="run_column", metavar="COL", help="names the run of a row, where runs have several")
    fit.add_argument("--drop-largest-losses", type=int, default=0, metavar="K", help="leave out the K largest losses")
    fit.add_argument("--delta", type=float, default=1e-3, help="of the Huber loss of log residuals (usually 0.001)")
    fit.add_argument("--bootstrap", type=int, default=200, metavar="B", help="samples for the intervals (usually 200)")
    fit.add_argument("--seed", type=int, default=0, metavar="S", help="of the bootstrap")
    fit.add_argument("--level", type=float, default=0.9, help="of the intervals (usually 0.9)")
    fit.add_argument("--breaks", type=int, default=1, help="of the broken power law (usually 1)")
    fit.add_argument("--at", type=float, metavar="FLOPS", help="say what to train with this compute")
    fit.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    fit.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, and print. Raises: ValueError: a sentence on what is not possible."""
    if options.law is None and not options.compare:
        raise ValueError(f"law is not chosen; allowed: {', '.join(catalog.LAWS)}, or --compare.")
    rows = observations(options)
    if options.seed < 0:
        raise ValueError(f"seed={options.seed} is not possible; allowed: a whole number from 0.")
    d_from = "D = C / 6N" if options.c else None
    found: dict[str, Any] = {"d_from": d_from}
    lines: list[str] = []
    if options.law is not None:
        fitted = _fitted(options, rows)
        plan = optimum.for_budget(fitted, options.at) if options.at is not None else None
        found = fitted.flat() | found | ({} if plan is None else {"plan": plan.flat()})
        lines = _lines(fitted, d_from, plan)
    if options.compare:
        ranked = catalog.compare(catalog.comparable(rows), rows, delta=options.delta, breaks=options.breaks)
        found["compared"] = [one.flat() for one in ranked]
        lines += _ranking(ranked, "n" if rows.d is None else "compute")
    print(json.dumps(found, indent=2, allow_nan=False) if options.json else "\n".join(lines))
    return 0


def _fitted(options: argparse.Namespace, rows: Observations) -> Fit:
    return catalog.fit(
        options.law,
        rows,
        delta=options.delta,
        bootstrap=options.bootstrap,
        seed=options.seed,
        level=options.level,
        breaks=options.breaks,
    )


def observations(options: argparse.Namespace) -> Observations:
    """Return the chosen columns of the file. Raises: ValueError: for a file or a column that is not there."""
    table = read(options.csv)

    def column(name: str) -> list[str]:
        if name not in table:
            raise ValueError(f"column={name} is not in {options.csv}; allowed: {', '.join(table)}.")
        return table[name]

    def numbers(name: str) -> list[float]:
        return [_number(text) for text in column(name)]

    return observe(
        numbers(options.n),
        numbers(options.loss),
        d=numbers(options.d) if options.d else None,
        c=numbers(options.c) if options.c else None,
        unique=numbers(options.unique) if options.unique else None,
        run=column(options.run_column) if options.run_column else None,
        drop_largest_losses=options.drop_largest_losses,
    )


def read(file: Path) -> Mapping[str, list[str]]:
    """Return the columns of a CSV file as text.

    Raises: ValueError: for a file that is not there, is no table of text, or has rows of different lengths.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            lines = csv.reader(opened, strict=True)
            header = next(lines, [])
            if not header or len(set(header)) != len(header):
                raise ValueError(f"{file} is not possible; allowed: a first line that names each column once.")
            columns: list[list[str]] = [[] for _ in header]
            for number, line in enumerate(lines, start=2):
                if not line:
                    continue
                if len(line) != len(header) or number > MOST_ROWS:
                    most = f"up to {MOST_ROWS} lines of {len(header)} columns"
                    raise ValueError(f"line {number} of {file} has {len(line)} columns; allowed: {most}.")
                for values, value in zip(columns, line, strict=True):
                    values.append(value)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}): name another file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is not a CSV file in UTF-8 ({error}).") from error
    if not columns[0]:
        raise ValueError(f"{file} has no rows; allowed: a line per run below the names of the columns.")
    return dict(zip(header, columns, strict=True))


def _ranking(ranked: Sequence[catalog.Ranked], of: str) -> list[str]:
    lines = [f"held out   the largest by {of}; mean error there, and on what each law has seen:"]
    for one in ranked:
        held = one.fit.held_out if one.fit else None
        if held is None:
            lines.append(f"{one.name:16} {one.refusal or 'nothing could be held out'}")
        else:
            refused = one.fit is not None and one.fit.refusals
            errors = f"{100 * one.held_out_error:8.3g} % {100 * held.in_sample_error:8.3g} %"
            lines.append(f"{one.name:16} {errors}{'   refused' if refused else ''}")
    return lines


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _lines(fit: Fit, d_from: str | None, plan: optimum.Plan | None) -> list[str]:
    intervals, share = fit.intervals, f"{100 * fit.level:.0f} %"
    lines = [f"{fit.title}: {fit.formula}", f"rows       {len(fit.observations)}"]
    lines += [f"dropped    {len(one.rows)}: {one.reason}" for one in fit.observations.dropped]
    lines += [f"data       {d_from}"] if d_from else []
    for name, value in fit.estimates.items():
        low, high = intervals.get(name, (math.nan, math.nan))
        lines.append(f"{name:10} {value:<14.6g} " + (f"{low:.6g} to {high:.6g} ({share})" if intervals else ""))
    lines.append(f"objective  {fit.objective:.6g}, reached by {fit.reached} of {fit.starts} starts followed to the end")
    if other := fit.projected:
        lines.append(f"check      variable projection ends at {other.objective:.6g}")
    if held := fit.held_out:
        what = "budgets" if held.of == "compute" else "sizes"
        lines.append(
            f"held out   the {len(held.sizes)} largest {what}: off by {100 * held.error:.2g} %, "
            f"{100 * held.in_sample_error:.2g} % on what it has seen, a flat line {100 * held.flat_error:.2g} %"
        )
    if plan is not None:
        for name in ("compute", "n", "d", "loss"):
            one = getattr(plan, name)
            lines.append(f"{'→ ' + name:10} {one.value:<14.6g} {one.low:.6g} to {one.high:.6g} ({share})")
    refusals = plan.refusals if plan is not None else fit.refusals
    return lines + [f"refused    {sentence}" for sentence in refusals]
