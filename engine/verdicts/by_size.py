"""What stands beside the verdicts: labels learned by size, and bias and variance by size, of each curve."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.data.load import load
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.bias_variance import Parts, bias_variance
from engine.verdicts.curves import Curves
from engine.verdicts.flipped import Learned, learned
from engine.verdicts.series import series_of, size_axis

Predictions = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class BySize:
    """One curve of a sweep, size by size."""

    series: str
    """Which curve of a sweep that has several, "" where there is one."""
    axis: str
    """width or depth."""
    learned: tuple[Learned, ...]
    """None without label noise."""
    parts: tuple[Parts, ...]
    """Of sizes with predictions of two seeds or more."""
    note: str
    """A sentence on the parts that are missing, and what would bring them; "" where none is."""


def by_size(
    sweep: SweepSpec, curves: Curves, predictions: Callable[[Sequence[RunSpec]], Predictions]
) -> tuple[BySize, ...]:
    """Return what there is of each curve of `sweep`; `predictions` are those of runs, as far as they are kept."""
    found = []
    for series in series_of(sweep, curves, size_axis(sweep)):
        kept = predictions([series.curves.runs[place] for place in series.members])
        parts, note = bias_variance(series, kept, lambda run: load(run).test.y)
        found.append(BySize(series=series.name, axis=series.axis, learned=learned(series), parts=parts, note=note))
    return tuple(found)
