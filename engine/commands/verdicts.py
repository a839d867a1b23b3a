"""The command `python -m engine verdicts`: what a sweep shows and does not, from what the store has of it."""

import argparse
import json
import math
import shlex
from collections.abc import Sequence
from typing import Any

from engine.base.language import _, _n
from engine.commands.arguments import changed
from engine.commands.queue import settings_of
from engine.laws.result import number
from engine.plan import buckets
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts import words
from engine.verdicts.by_size import BySize, summarize_by_size
from engine.verdicts.claims import judge_with_follow_up
from engine.verdicts.curves import Curves
from engine.verdicts.rates import Rates, check_rates, ladder
from engine.verdicts.verdict import Verdict
from store.commands.frame import Commands

_ANSWERS = {"supported": _("supported"), "not supported": _("not supported"), "inconclusive": _("inconclusive")}
"""What a card shows for each answer."""


def add_command(commands: Commands) -> None:
    """Add the command, with `run`, which takes the parsed options and returns the exit code."""
    verdicts = commands.add_parser("verdicts", help=_("what the trained runs of a sweep show, and what they do not"))
    verdicts.add_argument("sweep", metavar="SWEEP", help=_("a preset from `list`, or a saved sweep's name or key"))
    verdicts.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help=_("change a setting, as `sweep` does")
    )
    verdicts.add_argument("--seeds", metavar="N", help=_("seeds 0 to N-1"))
    verdicts.add_argument("--measure", default="error", help=_("what rises and falls: error (default) or loss"))
    verdicts.add_argument("--json", action="store_true", help=_("print one JSON object and nothing else on stdout"))
    verdicts.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the verdicts on a sweep. Raises: ValueError: a sentence on what is not possible."""
    from store.home import open_current
    from store.results import queries, runs

    db = open_current()
    sweep = changed(settings_of(db, options.sweep), options.set, options.seeds)

    def read(wanted: Sequence[RunSpec]) -> Curves:
        return Curves.of(queries.curves(db, wanted), wanted)

    verdicts, curves = judge_with_follow_up(sweep, read, measure=options.measure)
    own = set(sweep.run_keys)
    unseen = {run.key: run for one in verdicts if one.follow_up for run in one.follow_up.sweep.runs()}
    missing, still = runs.missing(db, sweep.runs()), runs.missing(db, list(unseen.values()))
    found = {
        "sweep": sweep.key,
        "runs": sweep.size,
        "missing": len(missing),
        "beyond": sum(run.key not in own for run in curves.runs),
        "verdicts": [_flat(one, sweep, options.sweep, still) for one in verdicts],
        "sizes": [
            _by_size(part) for part in summarize_by_size(sweep, curves, lambda some: queries.predictions(db, some))
        ],
        "rates": _rates(options.sweep, sweep, check_rates(sweep, read)),
    }
    print(json.dumps(found, allow_nan=False) if options.json else "\n".join(_lines(found)))
    return 0


def _flat(verdict: Verdict, sweep: SweepSpec, name: str, missing: Sequence[RunSpec]) -> dict[str, Any]:
    """Return a verdict as JSON has it, with the seconds that its settling takes, and the command."""
    found = verdict.flat()
    if verdict.follow_up is not None:
        other = verdict.follow_up.sweep
        keys = set(other.run_keys)
        found["settle"] |= {
            "seconds": round(buckets.predicted_seconds([run for run in missing if run.key in keys]), 1),
            "sweep": other.key,
            "command": _adding(name, sweep, other),
        }
    return found


def _adding(name: str, sweep: SweepSpec, other: SweepSpec) -> str:
    """Return the command that trains `other`, by the settings in which it differs from `sweep`, called `name`."""
    names = sorted({setting for setting, _values in (*sweep.settings, *other.settings)})
    differing = [setting for setting in names if other.values(setting) != sweep.values(setting)]
    sets = [f"--set {setting}={','.join(map(str, other.values(setting)))}" for setting in differing]
    return shlex.join(["scalescope", "queue", "add", name]) + " " + " ".join(sets)


def _by_size(part: BySize) -> dict[str, Any]:
    """Return labels learned, bias and variance of a curve as JSON has them, a row per size."""
    rows: dict[float, dict[str, Any]] = {}
    for row in part.learned:
        bounds = {"flipped_low": number(row.flipped.low), "flipped_high": number(row.flipped.high)}
        rows[row.size] = {"flipped": row.flipped.value, **bounds, "clean": number(row.clean.value)}
    for one in part.parts:
        found = {"error": one.error, "bias_squared": one.bias_squared, "variance": one.variance, "seeds": one.seeds}
        rows.setdefault(one.size, {}).update(found)
    listed = [{part.axis: size} | rows[size] for size in sorted(rows)]
    return {"series": part.series, "axis": part.axis, "rows": listed, "note": part.note}


def _rates(name: str, sweep: SweepSpec, rates: Rates | None) -> dict[str, Any]:
    """Return the answer on the learning rate as JSON has it, or the command that trains the runs it needs."""
    wanted = ladder(sweep)
    if rates is None:
        return {"answer": None, "runs": wanted.size, "sentence": "", "command": _adding(name, sweep, wanted)}
    rungs = [
        {"size": rung.size, "best": rung.best, "edge": rung.edge, "cost": number(rung.cost.value)}
        for rung in rates.rungs
    ]
    return {"answer": rates.answer, "sentence": rates.sentence, "runs": wanted.size, "rungs": rungs}


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [_heading(found["runs"], found["missing"], found["beyond"])]
    for one in found["verdicts"]:
        lines += ["", *_card(one)]
    if not found["verdicts"]:
        lines.append(_("Nothing is trained of it yet: there is nothing to judge."))
    for part in found["sizes"]:
        lines += ["", *_table(part)]
    rates = found["rates"]
    if rates["answer"] is not None:
        return [*lines, "", rates["sentence"]]
    unchecked = _n(
        "The learning rate is not checked; this {n} run would:",
        "The learning rate is not checked; these {n} runs would:",
        rates["runs"],
    )
    return [*lines, "", unchecked, f"  {rates['command']}"]


def _heading(runs: int, missing: int, beyond: int) -> str:
    if beyond > 0:
        return _n(
            "{n} run, {missing} of them missing; {beyond} more that settle",
            "{n} runs, {missing} of them missing; {beyond} more that settle",
            runs,
            missing=missing,
            beyond=beyond,
        )
    return _n("{n} run, {missing} of them missing", "{n} runs, {missing} of them missing", runs, missing=missing)


def _card(one: dict[str, Any]) -> list[str]:
    series = f" ({one['series']})" if one["series"] else ""
    lines = [f"{one['title']}{series}: {_ANSWERS[one['answer']]}"]
    if one["effect"] is not None:
        lines.append(f"  {_effect(one)}")
    lines += [f"  {one['where']}", *(f"  - {sentence}" for sentence in one["why"])]
    if settle := one.get("settle"):
        lines += [f"  {_settling(settle)}", f"    {settle['command']}"]
    return lines


def _effect(one: dict[str, Any]) -> str:
    amounts = {name: one[name] for name in ("effect", "unit", "low", "high")} | {"seeds": words.seeds(one["n_seeds"])}
    if one["low"] is None:
        return _("{effect:.3g} {unit}, {seeds}", **amounts)
    return _("{effect:.3g} {unit} ({low:.3g} to {high:.3g}), {seeds}", **amounts)


def _settling(settle: dict[str, Any]) -> str:
    """Return what the runs are that settle a verdict, and what they cost."""
    if settle["longer"]:
        return _n(
            "Settle it, as a sweep of its own: {words}, {n} run, about {seconds:.0f} s:",
            "Settle it, as a sweep of its own: {words}, {n} runs, about {seconds:.0f} s:",
            settle["runs"],
            words=settle["words"],
            seconds=settle["seconds"],
        )
    return _n(
        "Settle it: {words}, {n} run, about {seconds:.0f} s:",
        "Settle it: {words}, {n} runs, about {seconds:.0f} s:",
        settle["runs"],
        words=settle["words"],
        seconds=settle["seconds"],
    )


def _table(part: dict[str, Any]) -> list[str]:
    lines = []
    if part["rows"]:
        lines.append(_table_heading(part["axis"], part["series"]))
        for row in part["rows"]:
            cells = [f"{row[part['axis']]:>8}"]
            cells += [
                f"{100 * row[name]:7.1f} %" if row.get(name) is not None else f"{'–':>9}"
                for name in ("flipped", "clean")
            ]
            names = ("error", "bias_squared", "variance")
            cells += [f"{row[name]:8.4f}" if math.isfinite(row.get(name, math.nan)) else f"{'–':>8}" for name in names]
            lines.append(" ".join(cells))
    return [*lines, _("Bias and variance: {note}", note=part["note"])] if part["note"] else lines


def _table_heading(axis: str, series: str) -> str:
    if series:
        return _(
            "By {axis} ({series}): wrong labels memorised, right ones learned; error = bias² + variance",
            axis=axis,
            series=series,
        )
    return _("By {axis}: wrong labels memorised, right ones learned; error = bias² + variance", axis=axis)
