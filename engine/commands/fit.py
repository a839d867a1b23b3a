"""The command `python -m engine fit`: a scaling law fitted to a table of runs."""

import argparse
import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.base.language import _, _n
from engine.laws import catalog, optimum
from engine.laws.observations import Observations, observe
from engine.laws.result import Fit, HeldOut
from store.commands.frame import Commands

MOST_ROWS = 1_000_000
"""Most lines of a table."""


def add_command(commands: Commands) -> None:
    """Add the command, with `run`, which takes the parsed options and returns the exit code."""
    fit = commands.add_parser("fit", help=_("fit a scaling law to a table of runs, and test it on the largest"))
    fit.add_argument(
        "--csv", type=Path, required=True, metavar="FILE", help=_("a row per run, its columns named above")
    )
    fit.add_argument("--law", metavar="NAME", help=", ".join(catalog.LAWS))
    fit.add_argument("--compare", action="store_true", help=_("rank the laws by the error on the largest, held out"))
    fit.add_argument("--n", required=True, metavar="COL", help=_("model size, in params"))
    amount = fit.add_mutually_exclusive_group()
    amount.add_argument("--d", metavar="COL", help=_("training examples or tokens"))
    amount.add_argument("--c", metavar="COL", help=_("training FLOPs, from which D = C / 6N"))
    fit.add_argument("--unique", metavar="COL", help=_("different examples or tokens, for data-constrained"))
    fit.add_argument("--loss", required=True, metavar="COL", help=_("what is predicted"))
    fit.add_argument(
        "--run", dest="run_column", metavar="COL", help=_("names the run of a row, where runs have several")
    )
    fit.add_argument(
        "--drop-largest-losses", type=int, default=0, metavar="K", help=_("leave out the K largest losses")
    )
    fit.add_argument("--delta", type=float, default=1e-3, help=_("of the Huber loss of log residuals (default: 0.001)"))
    fit.add_argument(
        "--bootstrap", type=int, default=200, metavar="B", help=_("samples for the intervals (default: 200)")
    )
    fit.add_argument("--seed", type=int, default=0, metavar="S", help=_("of the bootstrap"))
    fit.add_argument("--level", type=float, default=0.9, help=_("of the intervals (default: 0.9)"))
    fit.add_argument("--breaks", type=int, default=1, help=_("of the broken power law (default: 1)"))
    fit.add_argument("--at", type=float, metavar="FLOPS", help=_("say what to train with this compute"))
    fit.add_argument("--json", action="store_true", help=_("print one JSON object and nothing else on stdout"))
    fit.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit, and print. Raises: ValueError: a sentence on what is not possible."""
    if options.law is None and not options.compare:
        raise ValueError(_("law is not chosen; allowed: {laws}, or --compare.", laws=", ".join(catalog.LAWS)))
    rows = observations(options)
    if options.seed < 0:
        raise ValueError(_("seed={seed} is not possible; allowed: a whole number from 0.", seed=options.seed))
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
        lines += _ranking(ranked, by_compute=rows.d is not None)
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
            raise ValueError(
                _(
                    "column={column} is not in {file}; allowed: {columns}.",
                    column=name,
                    file=options.csv,
                    columns=", ".join(table),
                )
            )
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
                raise ValueError(
                    _("{file} is not possible; allowed: a first line that names each column once.", file=file)
                )
            columns: list[list[str]] = [[] for _name in header]
            for number, line in enumerate(lines, start=2):
                if not line:
                    continue
                if len(line) != len(header) or number > MOST_ROWS:
                    raise ValueError(_wrong_line(file, number, len(line), len(header)))
                for values, value in zip(columns, line, strict=True):
                    values.append(value)
    except OSError as error:
        said = _("{file} cannot be read ({reason}): name another file.", file=file, reason=error.strerror)
        raise ValueError(said) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(_("{file} is not a CSV file in UTF-8 ({error}).", file=file, error=error)) from error
    if not columns[0]:
        raise ValueError(_("{file} has no rows; allowed: a line per run below the names of the columns.", file=file))
    return dict(zip(header, columns, strict=True))


def _wrong_line(file: Path, number: int, columns: int, allowed: int) -> str:
    return _n(
        "line {line} of {file} has {n} column; allowed: up to {most} lines of {allowed} columns.",
        "line {line} of {file} has {n} columns; allowed: up to {most} lines of {allowed} columns.",
        columns,
        line=number,
        file=file,
        most=MOST_ROWS,
        allowed=allowed,
    )


def _row(label: str, text: str) -> str:
    """Return one line of what is printed: a label, and what there is to say under it."""
    return f"{label:10} {text}"


def _ranking(ranked: Sequence[catalog.Ranked], *, by_compute: bool) -> list[str]:
    if by_compute:
        heading = _("the largest by compute; mean error there, and on what each law has seen:")
    else:
        heading = _("the largest by n; mean error there, and on what each law has seen:")
    lines = [_row(_("held out"), heading)]
    for one in ranked:
        held = one.fit.held_out if one.fit else None
        if held is None:
            lines.append(f"{one.name:16} {one.refusal or _('nothing could be held out')}")
        else:
            refused = one.fit is not None and one.fit.refusals
            errors = f"{100 * one.held_out_error:8.3g} % {100 * held.in_sample_error:8.3g} %"
            lines.append(f"{one.name:16} {errors}   {_('refused')}" if refused else f"{one.name:16} {errors}")
    return lines


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _lines(fit: Fit, d_from: str | None, plan: optimum.Plan | None) -> list[str]:
    share = f"{100 * fit.level:.0f} %"
    lines = [f"{fit.title}: {fit.formula}", _row(_("rows"), str(len(fit.observations)))]
    lines += [_row(_("dropped"), f"{len(one.rows)}: {one.reason}") for one in fit.observations.dropped]
    lines += [_row(_("data"), d_from)] if d_from else []
    for name, value in fit.estimates.items():
        low, high = fit.intervals.get(name, (math.nan, math.nan))
        interval = _("{low:.6g} to {high:.6g} ({share})", low=low, high=high, share=share) if fit.intervals else ""
        lines.append(_row(name, f"{value:<14.6g} {interval}"))
    lines.append(
        _row(
            _("objective"),
            _n(
                "{objective:.6g}, reached by {reached} of {n} start followed to the end",
                "{objective:.6g}, reached by {reached} of {n} starts followed to the end",
                fit.starts,
                objective=fit.objective,
                reached=fit.reached,
            ),
        )
    )
    if other := fit.projected:
        said = _("variable projection ends at {objective:.6g}", objective=other.objective)
        lines.append(_row(_("check"), said))
    if fit.held_out:
        lines.append(_row(_("held out"), _held_out(fit.held_out)))
    if plan is not None:
        for name in ("compute", "n", "d", "loss"):
            one = getattr(plan, name)
            interval = _("{low:.6g} to {high:.6g} ({share})", low=one.low, high=one.high, share=share)
            lines.append(_row(f"→ {name}", f"{one.value:<14.6g} {interval}"))
    refusals = plan.refusals if plan is not None else fit.refusals
    return lines + [_row(_("refused"), sentence) for sentence in refusals]


def _held_out(held: HeldOut) -> str:
    """Return how far off the law is on the sizes, or budgets, that its fit has not seen."""
    figures = {"error": 100 * held.error, "in_sample": 100 * held.in_sample_error, "flat": 100 * held.flat_error}
    if held.of == "compute":
        return _n(
            "the {n} largest budget: off by {error:.2g} %, {in_sample:.2g} % on what it has seen, "
            "a flat line {flat:.2g} %",
            "the {n} largest budgets: off by {error:.2g} %, {in_sample:.2g} % on what it has seen, "
            "a flat line {flat:.2g} %",
            len(held.sizes),
            **figures,
        )
    return _n(
        "the {n} largest size: off by {error:.2g} %, {in_sample:.2g} % on what it has seen, a flat line {flat:.2g} %",
        "the {n} largest sizes: off by {error:.2g} %, {in_sample:.2g} % on what it has seen, a flat line {flat:.2g} %",
        len(held.sizes),
        **figures,
    )
