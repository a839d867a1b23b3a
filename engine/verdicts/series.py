"""One curve of a sweep: the runs that differ in size, or in data, and seed alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from engine.spec.count import count
from engine.spec.sweep import SweepSpec, knobs_for
from engine.verdicts.curves import Array, Curves, Places

SEEDS = ("seed", "data_seed", "fold")
THRESHOLD = 0.01
"""Mean training error at or below which a model fits its training labels."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """Sizes, or amounts of data, beside seeds: a cell (seed, size) is one run, or the mean of its folds."""

    axis: str
    """width, depth or dataset_size; of a ladder lr."""
    sizes: tuple[float, ...]
    """Its values, rising."""
    units: tuple[int, ...]
    """What is drawn anew: data seeds where they differ, else seeds."""
    shared: bool
    """Whether sizes share seeds, so that differences are taken seed by seed."""
    name: str
    """What sets it apart from the others of its sweep, "" where there is one."""
    curves: Curves
    members: Places
    """(runs,): places in curves.runs of the runs that finished."""
    unit: Places
    """(runs,): each one's place in `units`."""
    place: Places
    """(runs,): each one's place in `sizes`."""
    diverged: tuple[str, ...]
    """The runs that are left out, e.g. "width 64, seed 2"."""

    def last(self, metric: str) -> Array:
        """Return a metric at the end of the runs, (units, sizes); NaN where there is none."""
        return self._cells(self.curves.values(metric)[self.curves.ends[self.members]])

    def along(self, metric: str) -> Array:
        """Return a metric at `steps`, (units, sizes, steps)."""
        rows = np.flatnonzero(np.isin(self.curves.run, self.members))
        member = np.searchsorted(self.members, self.curves.run[rows])
        at = np.full((len(self.members), len(self.steps)), np.nan)
        at[member, np.searchsorted(self.steps, self.curves.step[rows])] = self.curves.values(metric)[rows]
        return np.stack([self._cells(at[:, k]) for k in range(len(self.steps))], axis=2)

    @cached_property
    def steps(self) -> np.ndarray:
        """(steps,): at which any of the runs was measured."""
        return np.unique(self.curves.step[np.isin(self.curves.run, self.members)])

    @cached_property
    def fit_error(self) -> Array:
        """(sizes,): mean training error at the end."""
        return mean(self.last("train_error"))

    @cached_property
    def threshold(self) -> int | None:
        """The place where training labels are just fitted: the smallest size, or the most data, that has no error."""
        fitted = np.flatnonzero(self.fit_error <= THRESHOLD)
        if not len(fitted):
            return None
        return int(fitted[-1] if self.axis == "dataset_size" else fitted[0])

    @cached_property
    def params(self) -> Array:
        """(sizes,): trainable parameters."""
        found = np.full(len(self.sizes), np.nan)
        for place in range(len(self.sizes)):
            found[place] = count(self.curves.runs[self.members[self.place == place][0]]).params
        return found

    @property
    def settings(self) -> dict[str, Any]:
        """What all its runs share, as SweepSpec.of takes it."""
        run = self.curves.runs[self.members[0]]
        return {name: value for name, value in run.flat().items() if name not in (*SEEDS, self.axis)}

    def seed_values(self, which: str) -> tuple[int, ...]:
        """Return the values that `seed`, `data_seed` or `fold` takes, rising."""
        return tuple(sorted({getattr(self.curves.runs[i], which) for i in self.members}))

    def _cells(self, values: Array) -> Array:
        total, number = np.zeros((2, len(self.units), len(self.sizes)))
        known = np.isfinite(values)
        np.add.at(total, (self.unit[known], self.place[known]), values[known])
        np.add.at(number, (self.unit[known], self.place[known]), 1.0)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / number)


def mean(table: Array) -> Array:
    """Return the mean over units of (units, …), over those that are there; NaN where none is."""
    known = np.isfinite(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0))


def size_axis(sweep: SweepSpec) -> str:
    """Return what model size means in a sweep: width, or depth where that alone varies."""
    return "depth" if len(sweep.values("width")) == 1 and len(sweep.values("depth")) > 1 else "width"


def series_of(sweep: SweepSpec, curves: Curves, axis: str) -> list[Series]:
    """Return the curves of a sweep along `axis`; runs beyond the sweep join those that they differ from in size and
    seed alone, others are left out.
    """
    asked = set(sweep.run_keys())
    groups: dict[tuple[Any, ...], list[int]] = {}
    own: dict[tuple[Any, ...], dict[str, Any]] = {}
    for place, run in enumerate(curves.runs):
        rest = {n: v for n, v in run.flat().items() if n not in (*SEEDS, axis)}
        if run.budget:  # from which the steps of each size follow
            del rest["steps"]
        group = tuple(rest.items())
        groups.setdefault(group, []).append(place)
        if run.key in asked:
            own[group] = rest
    varied = [n for n, vs in sweep.settings if len(vs) > 1 and n not in (*SEEDS, axis)]
    made = (_series(curves, axis, groups[group], _name(sweep, rest, varied)) for group, rest in own.items())
    return [series for series in made if series is not None]


def _name(sweep: SweepSpec, values: Mapping[str, Any], varied: list[str]) -> str:
    declared = knobs_for(dict(sweep.settings))
    return ", ".join(f"{declared[n].label.lower()} {values[n]}" for n in varied if n in values)


def _series(curves: Curves, axis: str, places: list[int], name: str) -> Series | None:
    members = np.array([p for p in places if curves.finished[p]], dtype=np.intp)
    gone = tuple(
        f"{axis} {getattr(curves.runs[p], axis)}, seed {curves.runs[p].seed}" for p in places if curves.diverged[p]
    )
    if not len(members):
        return None
    runs = [curves.runs[p] for p in members]
    drawn = "data_seed" if len({run.data_seed for run in runs}) > 1 else "seed"
    sizes, place = np.unique([getattr(run, axis) for run in runs], return_inverse=True)
    units, unit = np.unique([getattr(run, drawn) for run in runs], return_inverse=True)
    shared = any(len(set(place[unit == u])) > 1 for u in range(len(units))) or len(sizes) == 1
    if not shared:  # whoever they are, the first runs of each size, the second ones, … are independent too
        unit = np.array([np.unique(unit[place == p]).searchsorted(u) for p, u in zip(place, unit, strict=True)])
        units = np.arange(unit.max() + 1)
    return Series(
        axis=axis,
        sizes=tuple(size.item() for size in sizes),
        units=tuple(int(u) for u in units),
        shared=shared,
        name=name,
        curves=curves,
        members=members,
        unit=unit.astype(np.intp),
        place=place.astype(np.intp),
        diverged=gone,
    )
