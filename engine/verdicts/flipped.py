"""Flipped labels: how many of the wrong and of the right training labels each size has learned."""

from dataclasses import dataclass

import numpy as np

from engine.verdicts.intervals import Effect, effect
from engine.verdicts.series import Series


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Shares of the training labels that a size answers as given, 0 to 1."""

    size: float
    flipped: Effect
    """The share of the labels that label noise has changed: what the size has memorised."""
    clean: Effect
    """The share of the other labels."""


def learned(series: Series) -> tuple[Learned, ...]:
    """Return one item a size, with intervals over seeds; none without label noise or where answers are numbers."""
    flipped, clean = 1 - series.last("flipped_error"), 1 - series.last("clean_error")
    return tuple(
        Learned(size=size, flipped=effect(flipped[:, index]), clean=effect(clean[:, index]))
        for index, size in enumerate(series.sizes)
        if np.isfinite(flipped[:, index]).any()
    )
