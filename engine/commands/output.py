"""What the command line prints and writes: what there is, results by run or by size, arrays as a file."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.base.language import _, _n
from engine.plan import buckets
from engine.spec import registry
from engine.spec.result import ACCURACY, SCORES
from engine.spec.run import RunSpec
from engine.spec.sweep import knobs_for

if TYPE_CHECKING:
    import pandas as pd


def records(table: "pd.DataFrame", wanted: Sequence[RunSpec]) -> list[dict[str, Any]]:
    """Return one dict per run of `wanted`: its settings, state and metrics; not-a-number becomes null.

    1 − error is named by the loss: accuracy or r2.
    """
    found = {row["key"]: row for row in table.to_dict("records")}
    records = []
    for run in wanted:
        row = {"state": "queued"} | found.get(run.key, {})
        row = {str(name).replace("accuracy", ACCURACY[run.task.loss]): value for name, value in row.items()}
        record = {"key": run.key} | run.flat() | row
        finite = {n: None if isinstance(v, float) and not math.isfinite(v) else v for n, v in record.items()}
        records.append(finite)
    return records


def cost_line(wanted: Sequence[RunSpec], missing: Sequence[RunSpec]) -> str:
    """Return e.g. "33 runs: 31 cached, 2 to train, about 4 s"."""
    if not missing:
        return _n("{n} run: {n} cached, 0 to train", "{n} runs: {n} cached, 0 to train", len(wanted))
    return _n(
        "{n} run: {cached} cached, {train} to train, about {seconds:.0f} s",
        "{n} runs: {cached} cached, {train} to train, about {seconds:.0f} s",
        len(wanted),
        cached=len(wanted) - len(missing),
        train=len(missing),
        seconds=buckets.predicted_seconds(missing),
    )


def catalogue() -> str:
    """Return the architectures, data sets, presets and settings there are, a line or two each."""
    lines = []
    for heading, kind, get in (
        (_("Architectures"), "archs", registry.arch),
        (_("Data sets"), "datasets", registry.dataset),
        (_("Presets"), "presets", registry.preset),
    ):
        lines.append(heading)
        for name in registry.names(kind):
            found: Any = get(name)
            lines.append(f"  {name:24}{found.title}")
            if kind == "presets":
                lines.append(f"  {'':24}{found.finding}")
        lines.append("")
    lines.append(_("Settings (--set)"))
    both = {"arch": list(registry.names("archs")), "dataset": list(registry.names("datasets"))}
    for knob in knobs_for(both).values():
        said = _("{allowed} (default: {default}). {help}", allowed=knob.allowed, default=knob.default, help=knob.help)
        lines.append(f"  {knob.name:24}{said}")
    return "\n".join(lines)


def save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an .npz file under just this name. Raises: ValueError: in a sentence, where that cannot be."""
    try:
        with path.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise ValueError(_("FILE={path} cannot be written: {reason}.", path=path, reason=error.strerror)) from error


def by_size(table: "pd.DataFrame") -> str:
    """Return mean ± standard error over seeds of each size, as text."""
    axes = [name for name in ("arch", "dataset", "depth", "dataset_size") if table[name].nunique() > 1]
    groups = table.groupby([*axes, "width", "params"], sort=True)
    lines = [
        " ".join(
            [*(f"{a:>12}" for a in axes), f"{'width':>6} {'params':>9} {_('runs'):>5}", *(f"{m:>17}" for m in SCORES)]
        )
    ]
    for size, rows in groups:
        *values, width, params = size
        cells = [_mean_and_error(rows[metric]) for metric in SCORES]
        start = [*(f"{v:>12}" for v in values), f"{width:>6} {params:>9} {len(rows):>5}"]
        lines.append(" ".join([*start, *(f"{cell:>17}" for cell in cells)]))
    failed = table[table["state"] == "failed"]
    lines += [
        _("failed: width {width}, seed {seed}: {error}", width=row.width, seed=row.seed, error=row.error)
        for row in failed.itertuples()
    ]
    return "\n".join([*lines, _("Mean ± standard error over runs; cross-entropy in nats, errors as shares.")])


def _mean_and_error(values: "pd.Series[float]") -> str:
    known = values.dropna()
    if known.empty:
        return _("diverged")
    error = f" ± {known.sem():.4f}" if len(known) > 1 else ""
    return f"{known.mean():.4f}{error}"
