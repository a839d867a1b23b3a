"""Beside the verdicts: the labels that each size has learned, and its bias and variance, for each curve."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.data.load import load
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.curves import Curves
from engine.verdicts.decomposition import Parts, bias_variance
from engine.verdicts.flipped import Learned, learned
from engine.verdicts.series import series_of, size_axis

Predictions = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class BySize:
    """The labels learned, the bias and the variance of one curve, size by size."""

    series: str
    """The curve, where a sweep has several; else ""."""
    axis: str
    """The setting that is model size: width or depth."""
    learned: tuple[Learned, ...]
    """One item a size; empty without label noise."""
    parts: tuple[Parts, ...]
    """One item for each size with predictions of two seeds or more."""
    note: str
    """A sentence on the parts that are missing, and how to get them; "" where none is missing."""


def summarize_by_size(
    sweep: SweepSpec, curves: Curves, predictions: Callable[[Sequence[RunSpec]], Predictions]
) -> tuple[BySize, ...]:
    """Return labels learned, bias and variance of each curve of `sweep`.

    `predictions`: returns those of runs by their keys, as far as they are stored.
    """
    found = []
    for series in series_of(sweep, curves, size_axis(sweep)):
        stored = predictions([series.curves.runs[index] for index in series.members])
        parts, note = bias_variance(series, stored, lambda run: load(run).test.y)
        found.append(BySize(series=series.name, axis=series.axis, learned=learned(series), parts=parts, note=note))
    return tuple(found)
