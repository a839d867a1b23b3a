"""Verdicts: what the curves of a sweep show and what they do not, on numpy and SciPy alone; usable as a library.

    from engine.verdicts import Curves, judge

    for verdict in judge(sweep, Curves.of(table, sweep.runs())):  # a table with key, step and metrics
        print(verdict.title, verdict.answer, verdict.effect, verdict.low, verdict.high, *verdict.why)

`judge` evaluates every claim that a sweep allows, `judge_with_follow_up` also counts the runs that its verdicts have
asked for, `check_rates` says whether the learning rate is wrong for some size, and `summarize_by_size` gives labels
learned, bias and variance. A name is imported when it is first used, so that importing this package alone loads neither
numpy nor SciPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.verdicts.by_size import BySize, summarize_by_size
    from engine.verdicts.claims import curves_with_follow_up, judge, judge_with_follow_up
    from engine.verdicts.curves import Curves
    from engine.verdicts.decomposition import Parts, bias_variance, decompose
    from engine.verdicts.flipped import Learned, learned
    from engine.verdicts.follow_up import follow_up_runs
    from engine.verdicts.intervals import Effect, effect
    from engine.verdicts.rates import Rates, Rung, check_rates, evaluate_rates, ladder, rate_follow_up
    from engine.verdicts.series import Series, series_of, size_axis
    from engine.verdicts.verdict import TITLES, Answer, FollowUp, Verdict

__all__ = [
    "TITLES",
    "Answer",
    "BySize",
    "Curves",
    "Effect",
    "FollowUp",
    "Learned",
    "Parts",
    "Rates",
    "Rung",
    "Series",
    "Verdict",
    "bias_variance",
    "check_rates",
    "curves_with_follow_up",
    "decompose",
    "effect",
    "evaluate_rates",
    "follow_up_runs",
    "judge",
    "judge_with_follow_up",
    "ladder",
    "learned",
    "rate_follow_up",
    "series_of",
    "size_axis",
    "summarize_by_size",
]
_MODULES = {
    "by_size": ("BySize", "summarize_by_size"),
    "claims": ("curves_with_follow_up", "judge", "judge_with_follow_up"),
    "curves": ("Curves",),
    "decomposition": ("Parts", "bias_variance", "decompose"),
    "flipped": ("Learned", "learned"),
    "follow_up": ("follow_up_runs",),
    "intervals": ("Effect", "effect"),
    "rates": ("Rates", "Rung", "check_rates", "evaluate_rates", "ladder", "rate_follow_up"),
    "series": ("Series", "series_of", "size_axis"),
    "verdict": ("TITLES", "Answer", "FollowUp", "Verdict"),
}
"""The public names by module; none is the name of a module, which would hide it."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        for module, names in _MODULES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
