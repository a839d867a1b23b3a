"""One curve of a sweep: the runs that differ in size, or in data, and seed alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.base.language import _, inside
from engine.spec.count import count
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec, knobs_for
from engine.verdicts.curves import Array, Curves, Indices

SEEDS = ("seed", "data_seed", "fold")
THRESHOLD = 0.01
"""Mean training error at or below which a model fits its training labels."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """A table of units (seeds) and sizes (or amounts of data): a cell is one run, or the mean of its folds."""

    axis: str
    """The name of the setting that varies: width, depth or dataset_size; lr for a ladder of rates."""
    sizes: tuple[float, ...]
    """The values of `axis`, rising."""
    units: tuple[int, ...]
    """The independent draws: data seeds where they differ, else seeds."""
    shared: bool
    """Whether sizes share seeds, so that differences are taken seed by seed."""
    name: str
    """What sets it apart from the other curves of its sweep, e.g. "label noise 0.2"; "" where there is one."""
    curves: Curves
    members: Indices
    """(runs,): indices into curves.runs of the runs that finished."""
    unit_index: Indices
    """(runs,): each run's index into `units`."""
    size_index: Indices
    """(runs,): each run's index into `sizes`."""
    diverged: tuple[str, ...]
    """The diverged runs, which are left out, e.g. "width 64, seed 2"."""

    def last(self, metric: str) -> Array:
        """Return a metric at the last eval point, (units, sizes); NaN where it is missing."""
        return self._cells(self.curves.values(metric)[self.curves.ends[self.members]])

    def along(self, metric: str) -> Array:
        """Return a metric at `steps`, (units, sizes, steps); NaN where it is missing."""
        rows = np.flatnonzero(np.isin(self.curves.run, self.members))
        member = np.searchsorted(self.members, self.curves.run[rows])
        at = np.full((len(self.members), len(self.steps)), np.nan)
        at[member, np.searchsorted(self.steps, self.curves.step[rows])] = self.curves.values(metric)[rows]
        return np.stack([self._cells(at[:, k]) for k in range(len(self.steps))], axis=2)

    @cached_property
    def steps(self) -> np.ndarray:
        """(steps,): the steps at which any of the runs was measured."""
        return np.unique(self.curves.step[np.isin(self.curves.run, self.members)])

    @cached_property
    def fit_error(self) -> Array:
        """(sizes,): mean training error at the last eval point."""
        return mean(self.last("train_error"))

    @cached_property
    def threshold(self) -> int | None:
        """Index of the interpolation threshold: the smallest size, or the most data, whose training labels are fitted.

        None where no size fits them.
        """
        fitted = np.flatnonzero(self.fit_error <= THRESHOLD)
        if not len(fitted):
            return None
        return int(fitted[-1] if self.axis == "dataset_size" else fitted[0])

    @cached_property
    def params(self) -> Array:
        """(sizes,): trainable parameters."""
        found = np.full(len(self.sizes), np.nan)
        for index in range(len(self.sizes)):
            found[index] = count(self.curves.runs[self.members[self.size_index == index][0]]).params
        return found

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that all its runs share, as SweepSpec.of takes them."""
        run = self.curves.runs[self.members[0]]
        return {name: value for name, value in run.flat().items() if name not in (*SEEDS, self.axis)}

    def seed_values(self, which: str) -> tuple[int, ...]:
        """Return the values that `seed`, `data_seed` or `fold` takes, rising."""
        return tuple(sorted({getattr(self.curves.runs[i], which) for i in self.members}))

    def _cells(self, values: Array) -> Array:
        total, number = np.zeros((2, len(self.units), len(self.sizes)))
        known = np.isfinite(values)
        np.add.at(total, (self.unit_index[known], self.size_index[known]), values[known])
        np.add.at(number, (self.unit_index[known], self.size_index[known]), 1.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / number)


def mean(table: Array) -> Array:
    """Return the mean over the units of `table` (units, …), NaN left out; NaN where no unit has a value."""
    known = np.isfinite(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0))


def size_axis(sweep: SweepSpec) -> str:
    """Return the setting that is model size in a sweep: width, or depth where that alone varies."""
    return "depth" if len(sweep.values("width")) == 1 and len(sweep.values("depth")) > 1 else "width"


def series_of(sweep: SweepSpec, curves: Curves, axis: str) -> list[Series]:
    """Return the curves of a sweep along `axis`, a setting.

    Runs beyond the sweep join the curve from whose runs they differ in size and seed alone; others are left out.
    """
    asked = set(sweep.run_keys)
    groups: dict[tuple[Any, ...], list[int]] = {}
    own: dict[tuple[Any, ...], dict[str, Any]] = {}
    for index, run in enumerate(curves.runs):
        rest = {n: v for n, v in run.flat().items() if n not in (*SEEDS, axis)}
        if run.budget:  # from which the steps of each size follow
            del rest["steps"]
        group = tuple(rest.items())
        groups.setdefault(group, []).append(index)
        if run.key in asked:
            own[group] = rest
    varied = [n for n, vs in sweep.settings if len(vs) > 1 and n not in (*SEEDS, axis)]
    made = (_series(curves, axis, groups[group], _name(sweep, rest, varied)) for group, rest in own.items())
    return [series for series in made if series is not None]


def _name(sweep: SweepSpec, values: Mapping[str, Any], varied: list[str]) -> str:
    declared = knobs_for(dict(sweep.settings))
    named = [(inside(declared[name].label), values[name]) for name in varied if name in values]
    return ", ".join(_("{setting} {value}", setting=label, value=value) for label, value in named)


def _series(curves: Curves, axis: str, indices: list[int], name: str) -> Series | None:
    members = np.array([i for i in indices if curves.finished[i]], dtype=np.intp)
    diverged = tuple(_run_name(curves.runs[i], axis) for i in indices if curves.diverged[i])
    if not len(members):
        return None
    runs = [curves.runs[i] for i in members]
    drawn = "data_seed" if len({run.data_seed for run in runs}) > 1 else "seed"
    sizes, size = np.unique([getattr(run, axis) for run in runs], return_inverse=True)
    units, unit = np.unique([getattr(run, drawn) for run in runs], return_inverse=True)
    shared = any(len(set(size[unit == u])) > 1 for u in range(len(units))) or len(sizes) == 1
    if not shared:  # whoever they are, the first runs of each size, the second ones, … are independent too
        unit = np.array([np.unique(unit[size == s]).searchsorted(u) for s, u in zip(size, unit, strict=True)])
        units = np.arange(unit.max() + 1)
    return Series(
        axis=axis,
        sizes=tuple(one.item() for one in sizes),
        units=tuple(int(u) for u in units),
        shared=shared,
        name=name,
        curves=curves,
        members=members,
        unit_index=unit.astype(np.intp),
        size_index=size.astype(np.intp),
        diverged=diverged,
    )


def _run_name(run: RunSpec, axis: str) -> str:
    return _("{setting} {value}, seed {seed}", setting=axis, value=getattr(run, axis), seed=run.seed)
