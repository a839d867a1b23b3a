"""The result of a fit: estimates, intervals, the error on held-out rows, refusals and forecasts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.base.language import _
from engine.laws.observations import Observations
from engine.laws.projection import Projected

Array = NDArray[np.float64]

MOST_BELOW = 0.75
"""Share of samples on one side of the estimate up to which an interval is corrected: beyond it, as for a floor that
ends at 0, the samples do not tell where the truth is."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A number with its interval; not finite where the fit does not determine it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How a fit of the smaller sizes predicts the largest, which are held out."""

    rows: tuple[int, ...]
    """Rows of the given table, from 0."""
    sizes: tuple[float, ...]
    """The held-out sizes, or the held-out budgets in FLOPs where `of` is compute."""
    of: str
    """What the held-out rows are the largest of: n or compute."""
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    error: float
    """Mean of |predicted / observed − 1| over the held-out rows."""
    in_sample_error: float
    """The same over the rows that were fitted."""
    flat_error: float
    """The same for a flat line through the largest size that was fitted, over the held-out rows."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One law fitted to one table."""

    law: str
    """A name of engine.laws.LAWS; isoflop for isoflop-akima too."""
    title: str
    """The law as users read it."""
    formula: str
    observations: Observations
    """The rows that were fitted."""
    estimates: Mapping[str, float]
    """The parameters by name, as in `formula`."""
    objective: float
    """The sum that the fit minimises, over the rows."""
    starts: int
    """Starts of the search that were followed to the end."""
    reached: int
    """Starts that ended within a millionth of the best objective."""
    residuals: Array
    """(rows,): log of observed over predicted; their difference where the loss itself is fitted."""
    samples: Mapping[str, Array]
    """The estimates of every bootstrap sample."""
    level: float
    """How often an interval should hold the truth, between 0 and 1."""
    free: int = 2
    """Parameters that were fitted."""
    held_out: HeldOut | None
    """None where too few sizes would be left to fit."""
    refusals: tuple[str, ...]
    """What these rows do not support, one sentence each."""
    at: Callable[[Array], Array]
    """Inputs (k, points) → predictions (1 + samples, points); the first row is that of the estimates."""
    inputs: tuple[str, ...]
    """Names of the inputs of `at`: n, d, unique, compute."""
    projected: Projected | None = None
    """The minimum that variable projection finds for the same objective; None unless the law sums powers."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What only this law reports, as JSON has it."""

    @property
    def share(self) -> float:
        """Share of the samples that an interval holds: above `level` for few runs, whose samples vary too little.

        Source: Hesterberg 2014, arXiv:1411.5279 §5 (expanded percentiles), with as many degrees of freedom as are left.
        """
        runs = int(self.observations.run.max()) + 1
        left = max(1, runs - self.free)
        quantile = scipy.special.stdtrit(left, (1 + self.level) / 2)
        return float(2 * scipy.special.ndtr(quantile * np.sqrt(runs / left)) - 1)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Intervals of the estimates, see `interval`; empty without bootstrap samples."""
        return {n: interval(v, self.share, self.estimates[n]) for n, v in self.samples.items() if len(v)}

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard deviations of the estimates over the bootstrap samples."""
        return {name: float(np.nanstd(values)) for name, values in self.samples.items() if len(values)}

    @property
    def seen(self) -> dict[str, tuple[float, float]]:
        """The lowest and the highest value of each input that was fitted."""
        columns = {name: getattr(self.observations, name) for name in self.inputs}
        return {name: (float(values.min()), float(values.max())) for name, values in columns.items()}

    def forecast(self, **inputs: float) -> Forecast:
        """Return the predicted loss at `inputs` (by name: n, d, …) with the interval of the curve.

        Raises: ValueError: for an input that is missing or not a number above 0.
        """
        for name in self.inputs:
            if not 0 < inputs.get(name, 0.0) < float("inf"):
                raise ValueError(
                    _("{name}={value} is not possible; allowed: a number above 0.", name=name, value=inputs.get(name))
                )
        found = self.at(np.array([[inputs[name]] for name in self.inputs]))[:, 0]
        low, high = interval(found[1:], self.share, found[0]) if len(found) > 1 else (float("nan"), float("nan"))
        return Forecast(value=float(found[0]), low=low, high=high)

    def flat(self) -> dict[str, Any]:
        """Return the fit as JSON has it; numbers that are not finite are null."""
        held = self.held_out
        return {
            "law": self.law,
            "formula": self.formula,
            "n": len(self.observations),
            "dropped": [{"rows": list(d.rows), "reason": d.reason} for d in self.observations.dropped],
            "estimates": {name: number(value) for name, value in self.estimates.items()},
            "objective": number(self.objective),
            "starts": {"tried": self.starts, "reached_best": self.reached},
            "variable_projection": None
            if self.projected is None
            else {"objective": self.projected.objective, "estimates": dict(self.projected.estimates)},
            "intervals": {name: [number(v) for v in pair] for name, pair in self.intervals.items()},
            "level": self.level,
            "standard_errors": {name: number(value) for name, value in self.standard_errors.items()},
            "residual_rms": number(float(np.sqrt(np.mean(self.residuals**2)))),
            "seen": {name: list(pair) for name, pair in self.seen.items()},
            "held_out": None
            if held is None
            else {
                "of": held.of,
                "sizes": list(held.sizes),
                "rows": list(held.rows),
                "predicted": [number(v) for v in held.predicted],
                "observed": list(held.observed),
                "error": number(held.error),
                "in_sample_error": number(held.in_sample_error),
                "flat_error": number(held.flat_error),
            },
            "refusals": list(self.refusals),
        } | dict(self.details)


def interval(values: Array, share: float, estimate: float) -> tuple[float, float]:
    """Return the bias-corrected interval that holds `share` of the bootstrap `values`, NaN left out.

    Where more than half of the samples lie above the estimate, the truth is expected as much below it. Plain
    percentiles of a floor hold the truth too often.
    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, §14.3, without acceleration.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    below = (np.sum(known < estimate) + np.sum(known <= estimate)) / (2 * len(known))
    bias = 2 * scipy.special.ndtri(np.clip(below, 1 - MOST_BELOW, MOST_BELOW))
    low, high = np.quantile(known, scipy.special.ndtr(bias + scipy.special.ndtri([(1 - share) / 2, (1 + share) / 2])))
    return float(low), float(high)


def number(value: float) -> float | None:
    """Return a number as JSON can hold it: None where it is not finite."""
    return float(value) if np.isfinite(value) else None
