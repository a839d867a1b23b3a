"""Makes a collection of runs from a source and a choice of its columns, and refuses what does not fit."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np

from engine.base.language import _
from store.imports import cells
from store.imports.cells import Numbers
from store.imports.choice import Choice
from store.imports.collections import DATA, SIZES, Collection
from store.imports.runs import Rows, floats, of_points, of_rows
from store.imports.sources.source import Raw

_NUMBERS = ("size", "loss", "data", "compute", "seed", "step")
_TEXTS = ("series", "run")


def mapped(raw: Raw, choice: Choice) -> Collection:
    """Return the runs that the choice makes of a source.

    Nothing is left out silently. A run with an empty or infinite loss is stored without a loss.
    Raises: ValueError: for a column that is not there, or has impossible values, with the rows.
    """
    choice = _checked(raw, choice)
    raw = _filtered(raw, choice.where)
    found = {use: cells.numbers(raw, getattr(choice, use), choice.run) for use in _NUMBERS if getattr(choice, use)}
    for use, column in found.items():
        _check(raw, use, getattr(choice, use), column)
    said = {use: cells.texts(raw, getattr(choice, use)) for use in _TEXTS if getattr(choice, use)}
    rows = Rows(raw=raw, choice=choice, numbers=found, texts=said, others=_others(raw, choice.keep))
    runs = of_points(rows) if choice.step else of_rows(rows)
    return Collection(
        kind=raw.kind,
        source=raw.source,
        size_is=choice.size_is,
        data_is=choice.data_is if choice.data else "",
        mapping={name: value for name, value in asdict(choice).items() if value and (choice.data or name != "data_is")},
        runs=tuple(runs),
    )


def _checked(raw: Raw, choice: Choice) -> Choice:
    for use, allowed in (("size_is", SIZES), ("data_is", DATA)):
        if getattr(choice, use) not in allowed:
            raise ValueError(
                _(
                    "{use}={value!r} is not possible; allowed: {allowed}.",
                    use=use,
                    value=getattr(choice, use)[:40],
                    allowed=_(" or ").join(allowed),
                )
            )
    for use in ("size", "loss"):
        if not getattr(choice, use).strip():
            raise ValueError(_("{use} is not chosen: name the column that holds it.", use=use))
    run = choice.run or raw.run
    named = [(use, getattr(choice, use)) for use in _NUMBERS if getattr(choice, use)]
    cells.check_there(raw, named, run)
    plain = [(use, getattr(choice, use)) for use in _TEXTS if getattr(choice, use)]
    for use, column in [*plain, *(("keep", column) for column in choice.keep)]:
        if column not in raw.table.column_names:
            cells.check_there(raw, [(use, column.removeprefix(cells.FROM_NAME))], run)
    if choice.step and raw.run:
        raise ValueError(
            _(
                "step={step!r} is not needed: {source} has the runs' curves itself.",
                step=choice.step[:40],
                source=raw.source,
            )
        )
    return replace(choice, run=run)


def _filtered(raw: Raw, conditions: Sequence[str]) -> Raw:
    if not conditions:
        return raw
    rows = np.flatnonzero(cells.matching_rows(raw, conditions)).tolist()
    if not rows:
        wanted = ", ".join(conditions)[:80]
        raise ValueError(_("No row of {source} fulfils where={wanted!r}.", source=raw.source, wanted=wanted))
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
        cells.refuse(raw, use, column, found.bad, _("what is no number"))
        return
    with np.errstate(invalid="ignore"):
        finite, values = np.isfinite(found.values), found.values
        if use == "seed":
            fits, what = finite & (values == np.floor(values)) & (abs(values) < 2**53), _("what is no whole number")
        elif use == "step":
            fits, what = finite & (values >= 0), _("what is no number from 0")
        else:
            fits, what = finite & (values > 0), _("what is no number above 0")
    cells.refuse(raw, use, column, ~fits, what)


def _others(raw: Raw, names: Sequence[str]) -> list[dict[str, str | float | None]]:
    """Return the other columns of each row: as numbers where a column has no text, else as text; None where empty."""
    columns: dict[str, Sequence[str | float | None]] = {}
    for name in names:
        found = cells.numbers(raw, name)
        columns[name] = [text or None for text in cells.texts(raw, name)] if found.bad.any() else floats(found.values)
    return [{name: column[row] for name, column in columns.items()} for row in range(raw.table.num_rows)]
