"""What a verdict is: a claim, its answer, the evidence, and the runs that would settle it."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from engine.spec.sweep import SweepSpec

Answer = Literal["supported", "not supported", "inconclusive"]

TITLES = {
    "overfits-with-size": "Overfits with size",
    "double-descent-by-size": "Double descent with size",
    "double-descent-by-step": "Double descent over training",
    "double-descent-by-data": "Double descent with data",
    "power-law": "Power law",
    "grokking": "Grokking",
    "sudden-jump": "Sudden jump with size",
    "metric-only": "The jump is the metric",
}
"""Every claim, in the order in which it is judged."""


@dataclass(frozen=True, kw_only=True)
class Settle:
    """The cheapest runs that would settle a verdict: judged again with them, it may be another."""

    sweep: SweepSpec
    """The new runs alone: judge them together with those there are, but where they are `longer`."""
    words: str
    """E.g. "3 more seeds at widths 16 and 64"."""
    longer: bool = False
    """Whether they are the same runs with more steps: a sweep to be judged by itself."""

    @property
    def runs(self) -> int:
        """How many they are."""
        return self.sweep.size


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the runs say of one claim."""

    claim: str
    """A name of TITLES."""
    answer: Answer
    series: str = ""
    """Which curve of a sweep that has several, e.g. "label_noise 0.2"."""
    metric: str
    """What was judged, e.g. "test_error"."""
    effect: float | None
    """In `unit`; None where nothing could be measured."""
    unit: str
    low: float | None
    """The 95 % interval of the effect over seeds, None where one cannot be had."""
    high: float | None
    n_seeds: int
    where: str
    """Where it happens, in a sentence; may be empty."""
    why: tuple[str, ...]
    """The evidence, a sentence each."""
    settle: Settle | None = None

    @property
    def title(self) -> str:
        """The claim in words."""
        return TITLES[self.claim]

    def flat(self) -> dict[str, Any]:
        """Return the verdict as JSON has it."""
        found = dataclasses.asdict(dataclasses.replace(self, settle=None)) | {
            "title": self.title,
            "why": list(self.why),
        }
        if self.settle is not None:
            settings = {name: list(values) for name, values in self.settle.sweep.settings}
            found["settle"] = {
                "words": self.settle.words,
                "runs": self.settle.runs,
                "longer": self.settle.longer,
                "settings": settings,
            }
        return found
