"""Flipped labels memorised: how many of the wrong and of the right training labels each size has learned."""

from dataclasses import dataclass

import numpy as np

from engine.verdicts.intervals import Effect, effect
from engine.verdicts.series import Series


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Shares of training labels that a size answers as given."""

    size: float
    flipped: Effect
    """Of the labels that noise has moved: what is memorised."""
    clean: Effect
    """Of the others."""


def learned(series: Series) -> tuple[Learned, ...]:
    """Return a row per size, with intervals over seeds; none without label noise or where answers are numbers."""
    flipped, clean = 1 - series.last("flipped_error"), 1 - series.last("clean_error")
    return tuple(
        Learned(size=size, flipped=effect(flipped[:, place]), clean=effect(clean[:, place]))
        for place, size in enumerate(series.sizes)
        if np.isfinite(flipped[:, place]).any()
    )
