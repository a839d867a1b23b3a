"""Makes runs of the chosen rows of a source: a run of each row, or of all rows that are its points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.base.language import _
from store.imports.cells import Numbers
from store.imports.choice import Choice
from store.imports.collections import ImportedRun
from store.imports.sources.source import Curve, Raw

MAX_RUNS = 100_000
"""Most runs of one collection."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The chosen rows, column by column."""

    raw: Raw
    choice: Choice
    numbers: dict[str, Numbers]
    texts: dict[str, list[str]]
    others: list[dict[str, str | float | None]]

    def value(self, use: str, row: int) -> float | None:
        """Return a finite number of a row, or None."""
        if use not in self.numbers:
            return None
        value = float(self.numbers[use].values[row])
        return value if np.isfinite(value) else None

    def string(self, use: str, row: int) -> str:
        """Return a text of a row, or ""."""
        return self.texts[use][row] if use in self.texts else ""

    def run(self, name: str, row: int, **curve: Any) -> ImportedRun:
        """Return the run whose last row is `row`."""
        seed, size = self.value("seed", row), self.value("size", row)
        assert size is not None
        return ImportedRun(
            name=name,
            size=size,
            loss=self.value("loss", row),
            series=self.string("series", row),
            data=self.value("data", row),
            compute=self.value("compute", row),
            seed=None if seed is None else int(seed),
            others=self.others[row],
            **curve,
        )


def of_rows(rows: Rows) -> list[ImportedRun]:
    """Return a run per row, with the curve that the source has of it."""
    raw, names = rows.raw, rows.texts.get("run")
    count = raw.table.num_rows
    _check_count(raw, count)
    if names is not None and len(set(names)) < count and raw.numbers is not None:
        first = {name: row for row, name in reversed(list(enumerate(names)))}
        again = next(row for row, name in enumerate(names) if first[name] != row)
        raise ValueError(
            _(
                "run={run!r} names {name!r} in {first} and in {again}: choose the column of steps too, or another "
                "column as run.",
                run=rows.choice.run[:60],
                name=names[again][:40],
                first=raw.called(first[names[again]]),
                again=raw.called(again),
            )
        )
    read = {use: _read_curves(raw, getattr(rows.choice, use)) for use in ("loss", "data", "compute")}
    runs = []
    for row in range(count):
        name = names[row] if names is not None else raw.name(row)
        curve = None if read["loss"] is None else read["loss"][row]
        curve = curve if curve is not None and len(curve[0]) > 1 else None
        others = {use: None if found is None else found[row] for use, found in read.items()}
        runs.append(rows.run(name, row, **({} if curve is None else _curve(curve, others))))
    return runs


def _read_curves(raw: Raw, column: str) -> Sequence[Curve | None] | None:
    if raw.curves is None or column not in raw.table.column_names:
        return None
    return raw.curves(column, range(raw.table.num_rows))


def _curve(curve: Curve, others: dict[str, Curve | None]) -> dict[str, Any]:
    """Return the loss at each step, and data and compute where they were logged at the same steps."""
    steps, losses = curve
    found: dict[str, Any] = {"step": floats(steps), "loss_at": floats(losses)}
    for use in ("data", "compute"):
        other = others[use]
        at = {} if other is None else dict(zip(*other, strict=True))
        if at and set(steps) <= set(at):
            found[f"{use}_at"] = floats([at[step] for step in steps])
    return found


def of_points(rows: Rows) -> list[ImportedRun]:
    """Return a run per group of rows, each row a point of its curve."""
    groups = _groups(rows)
    _check_count(rows.raw, len(groups))
    steps, loss = rows.numbers["step"].values, rows.numbers["loss"]
    runs = []
    for name, unordered in groups.items():
        own = unordered[np.argsort(steps[unordered], kind="stable")]
        _check_same(rows, own, by_name=bool(rows.choice.run))
        there = own[~loss.empty[own]]  # an empty cell: the loss was not measured at this step
        curve: dict[str, Any] = {}
        if len(there):
            twice = np.flatnonzero(np.diff(steps[there]) == 0)
            if len(twice):
                a, b = (rows.raw.called(int(there[twice[0] + i])) for i in (0, 1))
                raise ValueError(
                    _(
                        "step={step!r} is the same in {a} and {b} of one run: choose a column that tells the runs "
                        "apart, as run or among those to keep.",
                        step=rows.choice.step[:60],
                        a=a,
                        b=b,
                    )
                )
            curve = {"step": floats(steps[there]), "loss_at": floats(loss.values[there])}
            for use in ("data", "compute"):
                if use in rows.numbers and len(set(rows.numbers[use].values[there])) > 1:
                    curve[f"{use}_at"] = floats(rows.numbers[use].values[there])
        runs.append(rows.run(name, int(there[-1] if len(there) else own[-1]), **curve))
    return runs


def _groups(rows: Rows) -> dict[str, np.ndarray]:
    """Return the rows of each run by its name; without a column of names they are "run 1" and so on."""
    if rows.choice.run:
        columns = pd.DataFrame({"run": rows.texts["run"]})
    else:
        columns = pd.DataFrame(rows.others, index=range(rows.raw.table.num_rows))
        numbers = {use: rows.numbers[use].values for use in ("size", "seed") if use in rows.numbers}
        columns = columns.assign(**{f"{use} ": column for use, column in (numbers | rows.texts).items()})
    group = columns.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    named = rows.texts.get("run")
    return {named[part[0]] if named else f"run {number}": part for number, part in enumerate(parts, start=1)}


def _check_same(rows: Rows, own: np.ndarray, *, by_name: bool) -> None:
    if not by_name:
        return
    for use in ("size", "seed"):
        if use in rows.numbers:
            differs = np.flatnonzero(rows.numbers[use].values[own] != rows.numbers[use].values[own[0]])
            if len(differs):
                a, b = rows.raw.called(int(own[0])), rows.raw.called(int(own[differs[0]]))
                raise ValueError(
                    _(
                        "{use}={column!r} differs in {a} and {b}, which are of one run {run!r}: choose another column "
                        "as run.",
                        use=use,
                        column=getattr(rows.choice, use)[:60],
                        a=a,
                        b=b,
                        run=rows.string("run", int(own[0]))[:40],
                    )
                )


def _check_count(raw: Raw, count: int) -> None:
    if count > MAX_RUNS:
        raise ValueError(
            _(
                "{source} would make {count:,} runs; up to {most:,} are imported: take a part of it.",
                source=raw.source,
                count=count,
                most=MAX_RUNS,
            )
        )


def floats(values: Any) -> tuple[float | None, ...]:
    """Return numbers with None for each that is not finite."""
    found = np.asarray(values, dtype=float)
    listed = found.tolist()
    if not np.isfinite(found).all():
        listed = [value if fits else None for value, fits in zip(listed, np.isfinite(found), strict=True)]
    return tuple(listed)
