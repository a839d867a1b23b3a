"""The command `python -m engine verdicts`: what a sweep shows and does not, from what the store has of it."""

import argparse
import json
import math
import shlex
from collections.abc import Sequence
from typing import Any

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


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command, with `run`, which takes the parsed options and returns the exit code."""
    verdicts = commands.add_parser("verdicts", help="what the trained runs of a sweep show, and what they do not")
    verdicts.add_argument("sweep", metavar="SWEEP", help="a preset from `list`, or a saved sweep's name or key")
    verdicts.add_argument(
        "--set", action="append", default=[], metavar="KNOB=VALUE", help="change a setting, as `sweep` does"
    )
    verdicts.add_argument("--seeds", metavar="N", help="seeds 0 to N-1")
    verdicts.add_argument("--measure", default="error", help="what rises and falls: error (usual) or loss")
    verdicts.add_argument("--json", action="store_true", help="print one JSON object and nothing else on stdout")
    verdicts.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Judge, and print. Raises: ValueError: a sentence on what is not possible."""
    from store.home import open_database
    from store.results import queries, runs

    db = open_database()
    sweep = changed(settings_of(db, options.sweep), options.set, options.seeds)

    def read(wanted: Sequence[RunSpec]) -> Curves:
        return Curves.of(queries.curves(db, wanted), wanted)

    verdicts, curves = judge_with_follow_up(sweep, read, measure=options.measure)
    own = set(sweep.run_keys())
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
        keys = set(other.run_keys())
        found["settle"] |= {
            "seconds": round(buckets.predicted_seconds([run for run in missing if run.key in keys]), 1),
            "sweep": other.key,
            "command": _adding(name, sweep, other),
        }
    return found


def _adding(name: str, sweep: SweepSpec, other: SweepSpec) -> str:
    """Return the command that trains `other`, from what it differs in from `sweep`."""
    names = sorted({name for name, _ in (*sweep.settings, *other.settings)})
    changed = [name for name in names if other.values(name) != sweep.values(name)]
    sets = [f"--set {name}={','.join(map(str, other.values(name)))}" for name in changed]
    return shlex.join(["python", "-m", "engine", "queue", "add", name]) + " " + " ".join(sets)


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


def _rates(name: str, sweep: SweepSpec, judged: Rates | None) -> dict[str, Any]:
    """Return what the ladder of rates says, or the command that would train it."""
    wanted = ladder(sweep)
    if judged is None:
        return {"answer": None, "runs": wanted.size, "sentence": "", "command": _adding(name, sweep, wanted)}
    rungs = [
        {"size": rung.size, "best": rung.best, "edge": rung.edge, "cost": number(rung.cost.value)}
        for rung in judged.rungs
    ]
    return {"answer": judged.answer, "sentence": judged.sentence, "runs": wanted.size, "rungs": rungs}


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [
        f"{found['runs']} runs, {found['missing']} of them missing"
        + (f"; {found['beyond']} more that settle" if found["beyond"] > 0 else "")
    ]
    for one in found["verdicts"]:
        lines += ["", *_card(one)]
    if not found["verdicts"]:
        lines.append("Nothing is trained of it yet: there is nothing to judge.")
    for part in found["sizes"]:
        lines += ["", *_table(part)]
    rates = found["rates"]
    lines += ["", rates["sentence"] or f"The learning rate is not checked; these {rates['runs']} runs would:"]
    if rates["answer"] is None:
        lines.append(f"  {rates['command']}")
    return lines


def _card(one: dict[str, Any]) -> list[str]:
    series = f" ({one['series']})" if one["series"] else ""
    lines = [f"{one['title']}{series}: {one['answer']}"]
    if one["effect"] is not None:
        interval = f" ({one['low']:.3g} to {one['high']:.3g})" if one["low"] is not None else ""
        lines.append(f"  {one['effect']:.3g} {one['unit']}{interval}, {words.seeds(one['n_seeds'])}")
    lines += [f"  {one['where']}", *(f"  - {sentence}" for sentence in one["why"])]
    if settle := one.get("settle"):
        how = "Settle it, as a sweep of its own" if settle["longer"] else "Settle it"
        lines.append(f"  {how}: {settle['words']}, {settle['runs']} runs, about {settle['seconds']:.0f} s:")
        lines.append(f"    {settle['command']}")
    return lines


def _table(part: dict[str, Any]) -> list[str]:
    title = f"By {part['axis']}" + (f" ({part['series']})" if part["series"] else "")
    lines = []
    if part["rows"]:
        lines.append(f"{title}: wrong labels memorised, right ones learned; error = bias² + variance")
        for row in part["rows"]:
            cells = [f"{row[part['axis']]:>8}"]
            cells += [
                f"{100 * row[name]:7.1f} %" if row.get(name) is not None else f"{'–':>9}"
                for name in ("flipped", "clean")
            ]
            names = ("error", "bias_squared", "variance")
            cells += [f"{row[name]:8.4f}" if math.isfinite(row.get(name, math.nan)) else f"{'–':>8}" for name in names]
            lines.append(" ".join(cells))
    return [*lines, f"Bias and variance: {part['note']}"] if part["note"] else lines
