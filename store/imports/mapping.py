"""Columns of a source → runs: which column is the size, which the loss, and what a row is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from store.imports import cells
from store.imports.cells import Numbers
from store.imports.collections import DATA, SIZES, Collection, ImportedRun
from store.imports.sources.source import Curve, Raw

MAX_RUNS = 100_000


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which columns become what; "" where none does. Instead of a column: "name:" and text with {} for the number."""

    size: str
    loss: str
    size_is: str = "params"
    data: str = ""
    data_is: str = "examples"
    compute: str = ""
    seed: str = ""
    series: str = ""
    """Whose values tell the curves of one collection apart."""
    step: str = ""
    """Then a row is a point of a run, not a run."""
    run: str = ""
    """Names the runs. Without, in a table with steps, rows of equal size, seed, series and `keep` are one run."""
    keep: tuple[str, ...] = ()
    """Kept beside, as they are."""
    where: tuple[str, ...] = ()
    """Conditions on rows: COLUMN=VALUE or COLUMN!=VALUE."""


_NUMBERS = ("size", "loss", "data", "compute", "seed", "step")
_TEXTS = ("series", "run")


def mapped(raw: Raw, choice: Choice) -> Collection:
    """Return the runs that the choice makes of a source.

    Raises: ValueError: for a column that is not there, or holds what it must not, with the rows; nothing is left out
    silently. A loss that is empty or not finite is none of these: such a run is kept without a loss.
    """
    choice = _checked(raw, choice)
    raw = _filtered(raw, choice.where)
    found = {use: cells.numbers(raw, getattr(choice, use), choice.run) for use in _NUMBERS if getattr(choice, use)}
    for use, column in found.items():
        _check(raw, use, getattr(choice, use), column)
    said = {use: cells.texts(raw, getattr(choice, use)) for use in _TEXTS if getattr(choice, use)}
    rows = _Rows(raw=raw, choice=choice, numbers=found, texts=said, others=_kept(raw, choice.keep))
    runs = _of_points(rows) if choice.step else _of_rows(rows)
    return Collection(
        kind=raw.kind,
        source=raw.source,
        size_is=choice.size_is,
        data_is=choice.data_is if choice.data else "",
        mapping={name: value for name, value in asdict(choice).items() if value and (choice.data or name != "data_is")},
        runs=tuple(runs),
    )


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows that are taken, column by column."""

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

    def text(self, use: str, row: int) -> str:
        return self.texts[use][row] if use in self.texts else ""

    def run(self, name: str, row: int, **curve: Any) -> ImportedRun:
        """Return the run whose last row is `row`."""
        seed, size = self.value("seed", row), self.value("size", row)
        assert size is not None
        return ImportedRun(
            name=name,
            size=size,
            loss=self.value("loss", row),
            series=self.text("series", row),
            data=self.value("data", row),
            compute=self.value("compute", row),
            seed=None if seed is None else int(seed),
            others=self.others[row],
            **curve,
        )


def _checked(raw: Raw, choice: Choice) -> Choice:
    for use, allowed in (("size_is", SIZES), ("data_is", DATA)):
        if getattr(choice, use) not in allowed:
            raise ValueError(f"{use}={getattr(choice, use)[:40]!r} is not possible; allowed: {' or '.join(allowed)}.")
    for use in ("size", "loss"):
        if not getattr(choice, use).strip():
            raise ValueError(f"{use} is not chosen: name the column that holds it.")
    run = choice.run or raw.run
    named = [(use, getattr(choice, use)) for use in _NUMBERS if getattr(choice, use)]
    cells.check_there(raw, named, run)
    plain = [(use, getattr(choice, use)) for use in _TEXTS if getattr(choice, use)]
    for use, column in [*plain, *(("keep", column) for column in choice.keep)]:
        if column not in raw.table.column_names:
            cells.check_there(raw, [(use, column.removeprefix(cells.FROM_NAME))], run)
    if choice.step and raw.run:
        raise ValueError(f"step={choice.step[:40]!r} is not needed: {raw.source} has the runs' curves itself.")
    return Choice(**(asdict(choice) | {"run": run}))


def _filtered(raw: Raw, conditions: Sequence[str]) -> Raw:
    if not conditions:
        return raw
    rows = np.flatnonzero(cells.kept_rows(raw, conditions)).tolist()
    if not rows:
        raise ValueError(f"No row of {raw.source} fulfils where={', '.join(conditions)[:80]!r}.")
    read = raw.curves
    return Raw(
        kind=raw.kind,
        source=raw.source,
        table=raw.table.take(rows),
        numbers=None if raw.numbers is None else raw.numbers[rows],
        run=raw.run,
        curves=None if read is None else lambda column, own: read(column, [rows[row] for row in own]),
    )


def _check(raw: Raw, use: str, column: str, found: Numbers) -> None:
    if use == "loss":
        cells.refuse(raw, use, column, found.bad, "what is no number")
        return
    with np.errstate(invalid="ignore"):
        finite, values = np.isfinite(found.values), found.values
        if use == "seed":
            fits, what = finite & (values == np.floor(values)) & (abs(values) < 2**53), "what is no whole number"
        elif use == "step":
            fits, what = finite & (values >= 0), "what is no number from 0"
        else:
            fits, what = finite & (values > 0), "what is no number above 0"
    cells.refuse(raw, use, column, ~fits, what)


def _of_rows(rows: _Rows) -> list[ImportedRun]:
    raw, names = rows.raw, rows.texts.get("run")
    count = raw.table.num_rows
    _check_count(raw, count)
    if names is not None and len(set(names)) < count and raw.numbers is not None:
        first = {name: row for row, name in reversed(list(enumerate(names)))}
        again = next(row for row, name in enumerate(names) if first[name] != row)
        raise ValueError(
            f"run={rows.choice.run[:60]!r} names {names[again][:40]!r} in {raw.called(first[names[again]])} and in "
            f"{raw.called(again)}: choose the column of steps too, or another column as run."
        )
    read = {use: _read_curves(raw, getattr(rows.choice, use)) for use in ("loss", "data", "compute")}
    runs = []
    for row in range(count):
        name = names[row] if names is not None else raw.called(row)
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
    """Return the loss of each step, and data and compute where they were noted at the same steps."""
    steps, losses = curve
    found: dict[str, Any] = {"step": _floats(steps), "loss_at": _floats(losses)}
    for use in ("data", "compute"):
        other = others[use]
        at = {} if other is None else dict(zip(*other, strict=True))
        if at and set(steps) <= set(at):
            found[f"{use}_at"] = _floats([at[step] for step in steps])
    return found


def _of_points(rows: _Rows) -> list[ImportedRun]:
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
                    f"step={rows.choice.step[:60]!r} is the same in {a} and {b} of one run: choose a column that "
                    "tells the runs apart, as run or among those to keep."
                )
            curve = {"step": _floats(steps[there]), "loss_at": _floats(loss.values[there])}
            for use in ("data", "compute"):
                if use in rows.numbers and len(set(rows.numbers[use].values[there])) > 1:
                    curve[f"{use}_at"] = _floats(rows.numbers[use].values[there])
        runs.append(rows.run(name, int(there[-1] if len(there) else own[-1]), **curve))
    return runs


def _groups(rows: _Rows) -> dict[str, np.ndarray]:
    """Return the rows of each run by its name; without a column of names, "run 1" and so on."""
    if rows.choice.run:
        columns = pd.DataFrame({"run": rows.texts["run"]})
    else:
        columns = pd.DataFrame(rows.others, index=range(rows.raw.table.num_rows))
        numbers = {use: rows.numbers[use].values for use in ("size", "seed") if use in rows.numbers}
        columns = columns.assign(**{f"{use} ": column for use, column in (numbers | rows.texts).items()})
    number = columns.groupby(list(columns), sort=False, dropna=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    named = rows.texts.get("run")
    return {named[part[0]] if named else f"run {place}": part for place, part in enumerate(parts, start=1)}


def _check_same(rows: _Rows, own: np.ndarray, *, by_name: bool) -> None:
    if not by_name:
        return
    for use in ("size", "seed"):
        if use in rows.numbers:
            differs = np.flatnonzero(rows.numbers[use].values[own] != rows.numbers[use].values[own[0]])
            if len(differs):
                a, b = rows.raw.called(int(own[0])), rows.raw.called(int(own[differs[0]]))
                raise ValueError(
                    f"{use}={getattr(rows.choice, use)[:60]!r} differs in {a} and {b}, which are of one run "
                    f"{rows.text('run', int(own[0]))[:40]!r}: choose another column as run."
                )


def _kept(raw: Raw, names: Sequence[str]) -> list[dict[str, str | float | None]]:
    """Return of each row what is kept beside: numbers where a column has nothing else, else text; None where empty."""
    columns: dict[str, Sequence[str | float | None]] = {}
    for name in names:
        found = cells.numbers(raw, name)
        columns[name] = [text or None for text in cells.texts(raw, name)] if found.bad.any() else _floats(found.values)
    return [{name: column[row] for name, column in columns.items()} for row in range(raw.table.num_rows)]


def _check_count(raw: Raw, count: int) -> None:
    if count > MAX_RUNS:
        raise ValueError(f"{raw.source} would make {count:,} runs; up to {MAX_RUNS:,} are imported: take a part of it.")


def _floats(values: Any) -> tuple[float | None, ...]:
    found = np.asarray(values, dtype=float)
    listed = found.tolist()
    if not np.isfinite(found).all():
        listed = [value if fits else None for value, fits in zip(listed, np.isfinite(found), strict=True)]
    return tuple(listed)
