"""Pieces of Markdown that the generated pages share."""

import re
from collections.abc import Iterable, Sequence

from engine.spec.knob import Knob, Value

MADE = "<!-- `make docs` makes this page from the code: change the code, then run it again. -->"
"""The first line of every generated page."""


def joined(*parts: str) -> str:
    """Return a page of `parts`, with blank lines between them."""
    return "\n\n".join([MADE, *(part for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: str) -> str:
    """Return `text` between backticks."""
    return f"`{text}`"


def linked(text: str) -> str:
    """Return `text` with a link for each paper that it names by its arXiv number."""
    return re.sub(r"arXiv:(\d{4}\.\d{5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def values(several: Sequence[Value]) -> str:
    """Return e.g. "4, 6, 8", or "0 to 9" for whole numbers that follow each other."""
    if len(several) > 2 and all(isinstance(one, int) for one in several):
        first, last = int(several[0]), int(several[-1])
        if list(several) == list(range(first, last + 1)):
            return f"{first} to {last}"
    return ", ".join(value(one) for one in several)


def value(one: Value) -> str:
    """Return a value as a page shows it: whole numbers with separators, others short."""
    if isinstance(one, float):
        return scientific(one) if one >= 1e6 else f"{one:.12g}"
    return one if isinstance(one, str) else f"{one:,}"


def scientific(number: float) -> str:
    """Return e.g. "1e9", "4.2e11"."""
    mantissa, _, exponent = f"{number:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def knobs(declared: Iterable[Knob]) -> str:
    """Return a table of knobs, a row each."""
    return table(
        ("name", "label", "type", "default", "allowed", "meaning"),
        (
            (
                code(knob.name),
                knob.label,
                {int: "whole number", float: "number", str: "text"}[knob.kind],
                code(f"{knob.default}"),
                _allowed(knob),
                linked(knob.help) + _condition(knob),
            )
            for knob in declared
        ),
    )


def _allowed(knob: Knob) -> str:
    if knob.kind is str:
        return ", ".join(code(choice) for choice in knob.choices())
    return knob.allowed.removeprefix("a whole number ").removeprefix("a number ")


def _condition(knob: Knob) -> str:
    return f" Only where `{knob.only_if[0]}` is `{knob.only_if[1]}`." if knob.only_if else ""
