"""The page of all presets: what each shows, what it costs, and what the results that ship have of it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from docs.generate import markdown
from docs.generate.markdown import code, joined, linked, table
from engine.spec import registry
from engine.spec.count import count
from engine.spec.knob import Value
from engine.spec.registry import Preset
from engine.spec.result import METRICS
from engine.spec.run import RunSpec, train_flops
from engine.spec.sweep import SweepSpec
from engine.verdicts.claims import judge
from engine.verdicts.curves import Curves
from engine.verdicts.series import SEEDS, size_axis
from engine.verdicts.verdict import Verdict

GALLERY = Path(__file__).parent.parent.parent / "store" / "gallery"
POINTS = 12
"""Most eval points that the table of a single size shows."""

INTRODUCTION = """\
# Presets

A preset is a sweep with a name: `scalescope sweep NAME` trains it, and the page Explore offers it under *Start from*.
Each one reproduces a finding; where the finding needs a cause, a second preset is the control that takes the cause
away. The results of all presets ship with Scalescope, so nobody has to train them. Every figure of this page is read
from these results: means over seeds at the last step, errors as shares (of the variance, where the loss is `mse`), and
losses as the [conventions](conventions.md) define them. The seconds are those of the training that made them
(`make gallery`), on the machine that stands beside them. The verdicts are those of `scalescope verdicts NAME`: see
[Verdicts](verdicts.md)."""


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """The results of a preset that ship."""

    facts: Mapping[str, Any]
    """What is noted beside them: the seconds they took, the machine, and more."""
    runs: tuple[RunSpec, ...]
    points: pd.DataFrame
    """A row per run and eval point: key, step, and the metrics."""

    @classmethod
    def read(cls, name: str) -> Self | None:
        """Return the results of preset `name`; None where none ship yet."""
        path = GALLERY / f"{name}.parquet"
        if not path.exists():
            return None
        runs, points = [], []
        for row in pq.read_table(path).to_pylist():
            run = _run(row)
            runs.append(run)
            for place, step in enumerate(row["step"]):
                metrics = {name: row[name][place] if row[name] else np.nan for name in METRICS}
                points.append({"key": run.key, "step": step} | metrics)
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return cls(facts=facts, runs=tuple(runs), points=pd.DataFrame(points))


def _run(row: Mapping[str, Any]) -> RunSpec:
    """Return the run of a row of results, with the key that it has here: one of text names the Python version."""
    own = ("arch", "dataset", "width", "depth", "seed", "data_seed", "dataset_size")
    return RunSpec.of(json.loads(row["config"]) | {name: row[name] for name in own})


def page() -> str:
    """Return the page."""
    costs, sections = [], []
    for name in registry.names("presets"):
        preset, shipped = registry.preset(name), Shipped.read(name)
        sweep = SweepSpec.of(preset.settings)
        verdicts = judge(sweep, Curves.of(shipped.points, shipped.runs)) if shipped else ()
        costs.append(_cost(name, preset, sweep.runs(), shipped))
        sections.append(_section(name, preset, sweep, shipped, verdicts))
    head = ("name", "title", "runs", "parameters", "training FLOPs in all", "seconds", "machine")
    return joined(INTRODUCTION, table(head, costs), *sections)


def _section(name: str, preset: Preset, sweep: SweepSpec, shipped: Shipped | None, verdicts: Sequence[Verdict]) -> str:
    parts = [
        f"## {name}",
        preset.finding,
        f"*Source:* {linked(preset.source)}",
        f"*Settings:* {_settings(preset.settings)}",
    ]
    if shipped is None:
        return "\n\n".join([*parts, "No results of it ship yet: `make gallery` makes them."])
    return "\n\n".join([*parts, _figures(sweep, shipped), _judged(verdicts)])


def _settings(settings: Mapping[str, Any]) -> str:
    listed = {name: one if isinstance(one, tuple) else (one,) for name, one in settings.items()}
    return ", ".join(f"`{name}` {markdown.values(several)}" for name, several in listed.items())


def _cost(name: str, preset: Preset, runs: Sequence[RunSpec], shipped: Shipped | None) -> tuple[str, ...]:
    sizes = sorted({count(run).params for run in runs})
    params = f"{sizes[0]:,}" + (f" to {sizes[-1]:,}" if len(sizes) > 1 else "")
    flops = markdown.scientific(sum(map(train_flops, runs)))
    took = (f"{shipped.facts['seconds']:g}", _machine(shipped)) if shipped else ("", "")
    return f"[{code(name)}](#{name})", preset.title, str(len(runs)), params, flops, *took


def _machine(shipped: Shipped) -> str:
    """Return the machine; older results say "1 workers"."""
    return re.sub(r"\b1 workers$", "1 worker", str(shipped.facts["machine"]))


def _figures(sweep: SweepSpec, shipped: Shipped) -> str:
    """Return the means over seeds by size; of a single size, along its steps."""
    axes = [name for name, several in sweep.settings if len(several) > 1 and name not in SEEDS]
    wanted = ["train_error", "test_error", "test_loss"]
    if shipped.runs[0].task.loss == "sequence":
        wanted.append("test_exact")
    if not axes:
        return _along_steps(shipped.points, wanted)
    size = next(name for name in (size_axis(sweep), "dataset_size") if name in axes)
    others = [name for name in axes if name != size]
    settings = {run.key: run.flat() for run in shipped.runs}
    ends = shipped.points.sort_values("step").groupby("key").last()
    for name in axes:
        ends[name] = [settings[key][name] for key in ends.index]
    head, rows = [size.replace("_", " "), *map(markdown.value, sweep.values(size))], []
    if size != "dataset_size":
        params = {run.flat()[size]: count(run).params for run in shipped.runs}
        rows.append(["parameters", *(f"{params[value]:,}" for value in sweep.values(size))])
    for _, part in ends.groupby(others) if others else [((), ends)]:
        label = "".join(f", {name} {markdown.value(part[name].iloc[0].item())}" for name in others)
        means = part.groupby(size)[wanted].mean()
        rows += [
            [metric.replace("_", " ") + label, *(_figure(metric, means[metric][one]) for one in sweep.values(size))]
            for metric in wanted
        ]
    return table(head, rows)


def _along_steps(points: pd.DataFrame, wanted: Sequence[str]) -> str:
    means = points.groupby("step")[list(wanted)].mean()
    places = np.unique(np.linspace(0, len(means) - 1, POINTS).round().astype(int))
    some = means.iloc[places]
    rows = [[metric.replace("_", " "), *(_figure(metric, value) for value in some[metric])] for metric in wanted]
    return table(["step", *(f"{step:,}" for step in some.index)], rows)


def _figure(metric: str, value: float) -> str:
    return f"{value:.3g}" if metric.endswith("_loss") else f"{value:.3f}"


def _judged(verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts: those that are supported in full, of the others their names."""
    lines = []
    for one in verdicts:
        if one.answer == "supported":
            interval = f" ({_short(one.low)} to {_short(one.high)})" if one.low is not None else ""
            effect = f"{_short(one.effect)} {one.unit}{interval} over {one.n_seeds} seeds"
            series = f" ({one.series})" if one.series else ""
            lines.append(f"- **Supported: {one.title}**{series}, {effect}. {one.where}")
    for answer in ("not supported", "inconclusive"):
        names = dict.fromkeys(_named(one, verdicts) for one in verdicts if one.answer == answer)
        if names:
            lines.append(f"- {answer.capitalize()}: {', '.join(names)}.")
    return "\n".join(lines)


def _named(one: Verdict, verdicts: Sequence[Verdict]) -> str:
    """Return the title of a claim, with the curve that is meant where the curves of a sweep differ in the answer."""
    answers = {other.answer for other in verdicts if other.claim == one.claim}
    return f"{one.title.lower()} ({one.series})" if len(answers) > 1 and one.series else one.title.lower()


def _short(value: Value | None) -> str:
    return f"{value:.3g}".replace("-", "−") if isinstance(value, int | float) else "no figure"
