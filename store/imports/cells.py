"""Reads columns of a source as numbers or text, and names the rows where that fails."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.base.language import _
from store.imports.sources.source import Raw

MAX_TEXT = 1_000
"""Most characters of a cell of text."""
FROM_NAME = "name:"
"""Begins a pattern that stands for a column where the run's name holds the number."""
_SHOWN = 4
"""Most rows that a sentence lists."""
_EMPTY = ("", "null", "none", "na", "n/a", "<na>")
_NUMBER = r"^(?i:[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan)$"
_IN_NAME = r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)([kKmMbBgG]?)(?![0-9])"
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9}


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column as numbers; `values` are NaN where a cell is empty or holds no number."""

    values: np.ndarray
    empty: np.ndarray
    """Where a cell is empty."""
    bad: np.ndarray
    """Where a cell holds something else than a number."""


def check_there(raw: Raw, wanted: Sequence[tuple[str, str]], run: str) -> None:
    """Refuse (use, column) pairs whose column the source lacks. Raises: ValueError: with the columns that it has."""
    names = raw.table.column_names
    for use, column in wanted:
        if column in names:
            continue
        if column.startswith(FROM_NAME):
            _pattern(column)
            if not run:
                raise ValueError(
                    _(
                        "{use}={column!r} needs a column that names the runs: choose one as run.",
                        use=use,
                        column=column[:60],
                    )
                )
            continue
        raise ValueError(
            _(
                "{use}={column!r} is no column of {source}; its columns are: {columns}.",
                use=use,
                column=column[:60],
                source=raw.source,
                columns=_listed(names, 40)[:2000],
            )
        )


def numbers(raw: Raw, column: str, run: str = "") -> Numbers:
    """Return as numbers a column, or the numbers in the names of the column `run`."""
    if column not in raw.table.column_names:
        return _from_names(texts(raw, run), column)
    found = raw.table[column]
    if pa.types.is_string(found.type):
        return _parsed(found)
    empty = found.is_null().to_numpy(zero_copy_only=False)
    values = pc.cast(found, pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return Numbers(values=values, empty=empty, bad=np.full(len(found), False))


def texts(raw: Raw, column: str) -> list[str]:
    """Return a column as text, "" where a cell is empty. Raises: ValueError: for a text that is too long."""
    found = pc.cast(raw.table[column], pa.string()).fill_null("")
    long = np.flatnonzero(pc.utf8_length(found).to_numpy(zero_copy_only=False) > MAX_TEXT)
    if len(long):
        raise ValueError(
            _(
                "{column!r} has a text of more than {most:,} characters in {row}: choose another column.",
                column=column[:60],
                most=MAX_TEXT,
                row=raw.called(int(long[0])),
            )
        )
    return list(found.to_pylist())


def refuse(raw: Raw, use: str, column: str, wrong: np.ndarray, what: str) -> None:
    """Refuse the rows where `wrong`; `what` they hold is part of the sentence. Raises: ValueError: naming some rows."""
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return
    shown = [f"{raw.called(int(row))} ({_shown(raw, column, int(row))})" for row in rows[:_SHOWN]]
    raise ValueError(
        _(
            "{use}={column!r} holds {what} in {rows}: nothing was imported. "
            "Correct these rows, leave them out by a condition, or choose another column.",
            use=use,
            column=column[:60],
            what=what,
            rows=_listed(shown, _SHOWN, len(rows)),
        )
    )


def matching_rows(raw: Raw, conditions: Sequence[str]) -> np.ndarray:
    """Return where a row fulfils every condition, COLUMN=VALUE or COLUMN!=VALUE, compared as text.

    Raises: ValueError: for a text that is no condition, and for a column that is not there.
    """
    chosen = np.full(raw.table.num_rows, True)
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals:
            raise ValueError(
                _(
                    "where={condition!r} is no condition; allowed: COLUMN=VALUE or COLUMN!=VALUE.",
                    condition=condition[:60],
                )
            )
        negated = column.endswith("!")
        column = column.removesuffix("!").strip()
        check_there(raw, [("where", column)], "")
        chosen &= (np.array(texts(raw, column), dtype=object) == value.strip()) != negated
    return chosen


def _parsed(column: pa.ChunkedArray) -> Numbers:
    trimmed = pc.utf8_trim_whitespace(column.fill_null(""))
    empty = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(_EMPTY)).to_numpy(zero_copy_only=False)
    good = pc.match_substring_regex(trimmed, _NUMBER).to_numpy(zero_copy_only=False)
    values = np.full(len(trimmed), np.nan)
    values[good] = [float(cell) for cell in trimmed.filter(pa.array(good)).to_pylist()]
    return Numbers(values=values, empty=empty, bad=~good & ~empty)


def _from_names(names: Sequence[str], column: str) -> Numbers:
    find = _pattern(column)
    found = [find(name) for name in names]
    values = np.array([np.nan if value is None else value for value in found], dtype=float)
    return Numbers(values=values, empty=np.full(len(names), False), bad=np.isnan(values))


def _pattern(column: str) -> Callable[[str], float | None]:
    """Return a function that finds the number of "name:width={}" in a name: 128, 1e6, or 124M."""
    before, braces, after = column.removeprefix(FROM_NAME).partition("{}")
    if not braces or "{}" in after:
        raise ValueError(
            _("{column!r} is not possible; allowed: name: and text with one {{}} for the number.", column=column[:60])
        )
    wanted = re.compile(re.escape(before) + _IN_NAME + re.escape(after))

    def find(name: str) -> float | None:
        match = wanted.search(name)
        return float(match[1]) * _FACTORS[match[2].lower()] if match else None

    return find


def _shown(raw: Raw, column: str, row: int) -> str:
    name = column if column in raw.table.column_names else raw.run
    value = raw.table[name][row].as_py() if name else None
    return _("empty") if value in (None, "") else f"{value!r:.40}"


def _listed(words: Sequence[str], most: int, total: int | None = None) -> str:
    """Return the first `most` words, and how many more there are of `total`, without it of the words."""
    shown, rest = ", ".join(words[:most]), (len(words) if total is None else total) - most
    return _("{shown} and {rest:,} more", shown=shown, rest=rest) if rest > 0 else shown
