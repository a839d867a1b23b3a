"""What a curve shows of a table of runs: how it is looked at, its means, its thresholds. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.base.language import _, inside
from engine.spec.result import ACCURACY
from engine.spec.sweep import SweepSpec, knobs_for
from pages.ui import text
from pages.ui.measures import AXES, SPLITS

THRESHOLD = 0.01
"""Mean training error at or below which a model counts as fitting its training labels."""
LOGS = ("none", "x", "y", "xy")


@dataclass(frozen=True, kw_only=True)
class View:
    """How a table of runs is looked at."""

    x: str = "width"
    """A name of measures.AXES."""
    y: str = "error"
    """A name of measures.SCALES."""
    log: str = "x"
    """Which axes are logarithmic: a name of LOGS."""
    show: tuple[str, ...] = ("test", "train")
    """Names of measures.SPLITS, in their order."""
    at: str | int = "last"
    """Where each run's curve is read: "last", "best" (validation) or a step."""

    @property
    def by(self) -> str:
        """The measure that "best" goes by; the lowest error is the highest accuracy."""
        return "loss" if self.y == "loss" else "error"

    @property
    def log_x(self) -> bool:
        """Whether the size axis is logarithmic."""
        return "x" in self.log

    @property
    def log_y(self) -> bool:
        """Whether the loss axis is logarithmic."""
        return "y" in self.log


def exported(table: pd.DataFrame, losses: Collection[str]) -> pd.DataFrame:
    """Return `table` as a file has it: 1 − error under its own name, if all runs have the same one for it."""
    names = {ACCURACY[loss] for loss in losses}
    name = names.pop() if len(names) == 1 else "accuracy"
    return table.rename(columns={f"{split}_accuracy": f"{split}_{name}" for split in SPLITS})


def axes(sweep: SweepSpec) -> list[str]:
    """Return the size axes that make sense for `sweep`: depth only where it varies."""
    return [name for name in AXES if name != "depth" or len(sweep.values("depth")) > 1]


def series(sweep: SweepSpec, keys: Iterable[str], axis: str, ignored: Collection[str] = ()) -> list[str]:
    """Return for each run's key the name of its curve: what varies in `sweep` except size and seed; "" if nothing.

    `ignored`: other settings that tell no curves apart.
    """
    size = (
        axis if axis in ("width", "depth", "dataset_size") else "width" if len(sweep.values("width")) > 1 else "depth"
    )
    declared = knobs_for(dict(sweep.settings))
    varied = [n for n, vs in sweep.settings if len(vs) > 1 and n not in ("seed", "data_seed", size, *ignored)]
    names = {}
    for run in sweep.runs():
        values = run.flat()
        # A setting of one data set says nothing about runs on another.
        names[run.key] = ", ".join(
            _("{setting} {value}", setting=inside(declared[n].label), value=text.value(values[n]))
            for n in varied
            if n in values
        )
    return [names[key] for key in keys]


def sizes(table: pd.DataFrame, axis: str) -> pd.Series:
    """Return each run's place on the size axis."""
    if axis == "ratio":
        return table["params"] / table["dataset_size"]
    return table[axis].astype(float)


def drawable(table: pd.DataFrame, view: View) -> View:
    """Return `view` with a linear size axis where a model of depth 0 has no place on a logarithmic one."""
    if view.log_x and (sizes(table, view.x) <= 0).any():
        return replace(view, log=view.log.replace("x", "") or "none")
    return view


def means(table: pd.DataFrame, metric: str, axis: str) -> pd.DataFrame:
    """Return per series and size: mean, standard error of the mean (NaN for one run), n, and whether any still trains.

    Runs without a finite value (diverged ones) do not count.
    """
    rows = pd.DataFrame(
        {
            "series": table["series"],
            "size": sizes(table, axis),
            "value": table[metric].astype(float),
            "training": table["state"] == "running",
        }
    )
    rows = rows[np.isfinite(rows["value"])]
    grouped = rows.groupby(["series", "size"], sort=True)
    out = grouped.agg(mean=("value", "mean"), error=("value", "sem"), n=("value", "size"), training=("training", "any"))
    return out.reset_index()


def thresholds(table: pd.DataFrame, axis: str) -> dict[str, float | None]:
    """Return per series the smallest size whose mean training error is at most THRESHOLD, None where none is."""
    fitted = means(table, "train_error", axis)
    fitted = fitted[fitted["mean"] <= THRESHOLD]
    smallest = fitted.groupby("series")["size"].min()
    return {name: smallest.get(name) for name in dict.fromkeys(table["series"])}


def marked(table: pd.DataFrame, view: View) -> dict[str, float | None]:
    """Return the thresholds to mark: of one series always, of several only beside the training curves they are of."""
    found = thresholds(table, view.x)
    return found if len(found) == 1 or "train" in view.show else {}
