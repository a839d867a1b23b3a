"""Knob: one setting that a person can change, with its range, its texts and its sentence for a bad value."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from engine.base.language import _, _n

Value = int | float | str
MAX_VALUES = 10_000
"""Most values that one knob may take in a sweep."""

GROUPS = {
    "Data": _("Data"),
    "Architecture": _("Architecture"),
    "Regularization": _("Regularization"),
    "Training": _("Training"),
    "Seeds": _("Seeds"),
}
"""Groups of knobs, each with its heading on pages."""

_RANGES: dict[tuple[type, str, str], str] = {
    (int, "", ""): _("a whole number"),
    (int, "from", ""): _("a whole number from {low:.12g}"),
    (int, "above", ""): _("a whole number above {low:.12g}"),
    (int, "", "to"): _("a whole number to {high:.12g}"),
    (int, "from", "to"): _("a whole number from {low:.12g} to {high:.12g}"),
    (int, "above", "to"): _("a whole number above {low:.12g} to {high:.12g}"),
    (float, "", ""): _("a number"),
    (float, "from", ""): _("a number from {low:.12g}"),
    (float, "above", ""): _("a number above {low:.12g}"),
    (float, "", "to"): _("a number to {high:.12g}"),
    (float, "from", "to"): _("a number from {low:.12g} to {high:.12g}"),
    (float, "above", "to"): _("a number above {low:.12g} to {high:.12g}"),
}
"""The range in words, by the kind of number and by the ends that the range has."""


@dataclass(frozen=True, kw_only=True)
class Knob:
    """A setting: pages draw a widget from it, the command line and links parse by it."""

    name: str = ""
    kind: type[int] | type[float] | type[str]
    default: Value
    label: str
    """What the widget says, e.g. "Learning rate"."""
    help: str
    """One sentence: meaning, unit, convention."""
    group: str
    """A key of GROUPS."""
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    """True where `low` itself is not allowed."""
    choices: Callable[[], tuple[str, ...]] = tuple
    """Allowed names, for a knob of text."""
    only_if: tuple[str, str] | None = None
    """(knob, value): it matters only then; otherwise it has its default."""
    swept: bool = False
    """True where a sweep takes several values as a rule: width, seed."""
    rare: bool = False
    """True where few people change it: pages hide it under a heading of its own."""

    @property
    def allowed(self) -> str:
        """The range in words, e.g. "a whole number from 1 to 2048"."""
        if self.kind is str:
            return _("one of {names}", names=", ".join(self.choices()))
        start = ("above" if self.above else "from") if self.low > -math.inf else ""
        end = "to" if self.high < math.inf else ""
        return _RANGES[self.kind, start, end].format(low=self.low, high=self.high)

    @property
    def heading(self) -> str:
        """The name of its group, as pages show it."""
        return GROUPS.get(self.group, self.group)

    def check(self, value: object) -> Value:
        """Return `value` in this knob's type.

        Raises: ValueError: naming knob, value and what is allowed.
        """
        if self.kind is str:
            if isinstance(value, str) and value in self.choices():
                return value
            raise self._refusal(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refusal(value)
        number = float(value)
        too_low = number <= self.low if self.above else number < self.low
        if not math.isfinite(number) or too_low or number > self.high:
            raise self._refusal(value)
        if self.kind is int:
            if number != int(number):
                raise self._refusal(value)
            return int(number)
        return number + 0.0  # -0.0 becomes 0.0: one value, one key

    def parse(self, text: str) -> tuple[Value, ...]:
        """Return the values that `text` names: "16", "4,6,8", "0..4" or, log-spaced, "4..512x11".

        Raises: ValueError: naming knob, value and what is allowed.
        """
        if not text.strip():
            raise self._refusal(text)
        values = [value for part in text.split(",") for value in self._part(part.strip())]
        if len(values) > MAX_VALUES:
            raise self._too_many(text, len(values))
        return tuple(dict.fromkeys(values))

    def _part(self, part: str) -> tuple[Value, ...]:
        if self.kind is str or ".." not in part:
            return (self._one(part),)
        start_text, rest = part.split("..", 1)
        end_text, log, points_text = rest.partition("x")
        start, end = self._one(start_text), self._one(end_text)
        assert not isinstance(start, str)
        assert not isinstance(end, str)
        if log:
            if not points_text.isdecimal() or not 1 <= int(points_text[:9]) <= MAX_VALUES:
                raise ValueError(
                    _(
                        "{name}={value}: {points!r} points; allowed: 1 to {most} of them.",
                        name=self.name,
                        value=part,
                        points=points_text,
                        most=MAX_VALUES,
                    )
                )
            if min(start, end) <= 0:
                raise ValueError(_("{name}={value}: log spacing needs both ends above 0.", name=self.name, value=part))
            return tuple(self.check(v) for v in log_spaced(start, end, int(points_text), self.kind is int))
        if self.kind is not int or end < start:
            raise self._refusal(part)
        if end - start >= MAX_VALUES:
            raise self._too_many(part, int(end - start) + 1)
        return tuple(range(int(start), int(end) + 1))

    def _one(self, text: str) -> Value:
        try:
            return self.check(text if self.kind is str else float(text))
        except ValueError:
            raise self._refusal(text) from None

    def _refusal(self, value: object) -> ValueError:
        shown = str(value)
        shown = shown if len(shown) <= 40 else shown[:37] + "..."
        return ValueError(
            _("{name}={value} is not possible; allowed: {allowed}.", name=self.name, value=shown, allowed=self.allowed)
        )

    def _too_many(self, text: str, count: int) -> ValueError:
        return ValueError(
            _n(
                "{name}={value}: {n} value; allowed: at most {most}.",
                "{name}={value}: {n} values; allowed: at most {most}.",
                count,
                name=self.name,
                value=text,
                most=MAX_VALUES,
            )
        )


def log_spaced(start: float, end: float, points: int, whole: bool = True) -> tuple[float, ...]:
    """Return `points` values from `start` to `end`, evenly spaced in the logarithm, without repeats.

    Close values may round to the same whole number; then there are fewer than `points`.
    """
    if points == 1:
        return (start,)
    values = [start * (end / start) ** (i / (points - 1)) for i in range(points)]
    return tuple(dict.fromkeys(round(v) if whole else float(f"{v:.6g}") for v in values))


def knob(default: Any, label: str, help: str, **rest: Any) -> Any:
    """Return a dataclass field that carries a Knob; its kind is the type of `default`."""
    declared = Knob(kind=type(default), default=default, label=label, help=help, **rest)
    return field(default=default, metadata={"knob": declared})


@cache
def knobs_of(owner: type) -> dict[str, Knob]:
    """Return the knobs that a dataclass declares, by name, in order of declaration."""
    return {
        f.name: dataclasses.replace(f.metadata["knob"], name=f.name)
        for f in dataclasses.fields(owner)
        if "knob" in f.metadata
    }


def applies(declared: Knob, values: Mapping[str, Any]) -> bool:
    """Return whether `declared` matters under `values`, e.g. momentum only with SGD."""
    if declared.only_if is None:
        return True
    other, wanted = declared.only_if
    return bool(values.get(other) == wanted)
