"""What a verdict is: a claim, its answer, the evidence, and the runs that would settle it."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from engine.base.language import _
from engine.spec.sweep import SweepSpec

Answer = Literal["supported", "not supported", "inconclusive"]

TITLES = {
    "overfits-with-size": _("Overfits with size"),
    "double-descent-by-size": _("Double descent with size"),
    "double-descent-by-step": _("Double descent over training"),
    "double-descent-by-data": _("Double descent with data"),
    "power-law": _("Power law"),
    "grokking": _("Grokking"),
    "sudden-jump": _("Sudden jump with size"),
    "metric-only": _("The jump is the metric"),
}
"""The title of every claim, in the order in which verdicts are listed."""


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """The cheapest runs that would settle a verdict: evaluated again with them, its answer may change."""

    sweep: SweepSpec
    """The new runs alone. They are evaluated together with the runs there are, unless they are `longer`."""
    words: str
    """What they are, e.g. "3 more seeds at widths 16 and 64"."""
    longer: bool = False
    """Whether they are the same runs with more steps: a sweep that is evaluated by itself."""

    @property
    def runs(self) -> int:
        """The number of runs."""
        return self.sweep.size


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer to one claim, with its evidence."""

    claim: str
    """A key of TITLES."""
    answer: Answer
    series: str = ""
    """The curve, where a sweep has several, e.g. "label noise 0.2"; else ""."""
    metric: str
    """The metric that the answer rests on, e.g. "test_error"."""
    effect: float | None
    """The effect in `unit`; None where nothing could be measured."""
    unit: str
    """The unit of the effect and of its interval, as users read it, e.g. "points of test error"."""
    low: float | None
    """Lower bound of the 95 % interval of the effect over seeds; None where there is no interval."""
    high: float | None
    """Upper bound of that interval."""
    n_seeds: int
    """Seeds that the effect is measured over."""
    where: str
    """Where on the curve it happens, in one sentence; may be empty."""
    why: tuple[str, ...]
    """The evidence, one sentence each."""
    follow_up: FollowUp | None = None
    """The cheapest runs that would settle an inconclusive verdict; None where there are none."""

    @property
    def title(self) -> str:
        """The claim as users read it."""
        return TITLES[self.claim]

    def flat(self) -> dict[str, Any]:
        """Return the verdict as JSON has it: its fields, its title, and under "settle" the follow-up runs, or null."""
        found = dataclasses.asdict(dataclasses.replace(self, follow_up=None))
        found["settle"] = found.pop("follow_up")
        found |= {"title": self.title, "why": list(self.why)}
        if self.follow_up is not None:
            found["settle"] = {
                "words": self.follow_up.words,
                "runs": self.follow_up.runs,
                "longer": self.follow_up.longer,
                "settings": {name: list(values) for name, values in self.follow_up.sweep.settings},
            }
        return found
