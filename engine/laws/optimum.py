"""Which size to train: for a budget, an amount of data or a loss; and the smallest size that is as good as the best."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.base.language import _
from engine.laws.checks import size_means
from engine.laws.observations import FLOPS_PER_PARAM_TOKEN, Observations
from engine.laws.result import Fit, Forecast, interval, number

Array = NDArray[np.float64]

WITH_OPTIMUM = ("chinchilla", "isoflop", "envelope")
"""Laws that have a compute-optimal size."""
FARTHEST = 100.0
"""Factor beyond the largest budget seen above which a plan carries a refusal."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A compute-optimal training run, each number with its interval."""

    compute: Forecast
    """Training FLOPs."""
    n: Forecast
    """Model size, in the unit of the observations."""
    d: Forecast
    """Training examples or tokens."""
    loss: Forecast
    refusals: tuple[str, ...]
    """Why not to rely on the plan, one sentence each."""

    def flat(self) -> dict[str, Any]:
        """Return the plan as JSON has it: [value, low, high] of each number."""
        found: dict[str, Any] = {
            name: [number(getattr(getattr(self, name), part)) for part in ("value", "low", "high")]
            for name in ("compute", "n", "d", "loss")
        }
        return found | {"refusals": list(self.refusals)}


@dataclass(frozen=True, kw_only=True)
class Smallest:
    """The smallest model that is as good as the best, as far as the seeds can tell; the losses are means over seeds."""

    n: float
    loss: float
    best_n: float
    best_loss: float
    standard_error: float
    """Standard error of the best size's mean loss."""


def for_budget(fit: Fit, compute: float) -> Plan:
    """Return the size and data that give the lowest loss for `compute` FLOPs. Source: arXiv:2203.15556 eq. 4.

    Raises: ValueError: for a law without a compute-optimal size, or a budget that is not a number above 0.
    """
    _check("compute", compute)
    every = _parameters(fit)
    c = np.full(len(every["A" if "A" in every else "k"]), compute)
    return _plan(fit, every, c)


def for_data(fit: Fit, d: float) -> Plan:
    """Return the size for which `d` tokens are the compute-optimal amount. Raises: as `for_budget`."""
    _check("d", d)
    every = _parameters(fit)
    if "A" in every:
        g = _g(every)
        with np.errstate(all="ignore"):
            c = FLOPS_PER_PARAM_TOKEN * (d * g) ** ((every["alpha"] + every["beta"]) / every["alpha"])
        return _plan(fit, every, c)
    with np.errstate(all="ignore"):
        c = (FLOPS_PER_PARAM_TOKEN * every["k"] * d) ** (1 / (1 - every["a"]))
    return _plan(fit, every, c)


def for_loss(fit: Fit, loss: float) -> Plan:
    """Return the cheapest training that reaches `loss`.

    Raises: ValueError: as `for_budget`, and for a loss that the law's floor does not allow.
    """
    _check("loss", loss)
    every = _parameters(fit)
    if "A" not in every:
        with np.errstate(all="ignore"):
            return _plan(fit, every, (every["loss_k"] / loss) ** (1 / every["loss_exponent"]))
    floor = float(every["E"][0])
    if loss <= floor:
        raise ValueError(
            _("loss={loss:.4g} is not possible; allowed: above the law's floor of {floor:.4g}.", loss=loss, floor=floor)
        )
    low, high = np.full(len(every["E"]), -50.0), np.full(len(every["E"]), 250.0)  # of log compute
    with np.errstate(all="ignore"):
        for _step in range(80):  # the loss falls with compute: halve
            middle = (low + high) / 2
            above = _loss(every, *_split(every, np.exp(middle))) > loss
            low, high = np.where(above, middle, low), np.where(above, high, middle)
    return _plan(fit, every, np.where(every["E"] < loss, np.exp((low + high) / 2), np.inf))


def smallest_within_one_error(rows: Observations) -> Smallest:
    """Return the smallest size whose mean loss is within one standard error of the best size's.

    Raises: ValueError: where the best size has only one run.
    """
    sizes, means, errors = size_means(rows)
    best = int(means.argmin())
    if not np.isfinite(errors[best]):
        raise ValueError(
            _("the best size, n = {size:.4g}, has one run; allowed: several seeds of every size.", size=sizes[best])
        )
    first = int(np.flatnonzero(means <= means[best] + errors[best])[0])
    return Smallest(
        n=float(sizes[first]),
        loss=float(means[first]),
        best_n=float(sizes[best]),
        best_loss=float(means[best]),
        standard_error=float(errors[best]),
    )


def _parameters(fit: Fit) -> dict[str, Array]:
    """Return each parameter (1 + samples,), that of the fit first."""
    if fit.law not in WITH_OPTIMUM:
        raise ValueError(
            _(
                "law={law} has no compute-optimal size; allowed: {allowed}.",
                law=fit.law,
                allowed=", ".join(WITH_OPTIMUM),
            )
        )
    return {
        name: np.concatenate([[value], fit.samples.get(name, np.empty(0))]) for name, value in fit.estimates.items()
    }


def _g(every: dict[str, Array]) -> Array:
    with np.errstate(all="ignore"):
        found: Array = (every["alpha"] * every["A"] / (every["beta"] * every["B"])) ** (
            1 / (every["alpha"] + every["beta"])
        )
    return found


def _split(every: dict[str, Array], compute: Array) -> tuple[Array, Array]:
    """Return the compute-optimal size and data."""
    product = compute / FLOPS_PER_PARAM_TOKEN
    with np.errstate(all="ignore"):
        n = _g(every) * product ** every["a"] if "A" in every else every["k"] * compute ** every["a"]
        return n, product / n


def _loss(every: dict[str, Array], n: Array, d: Array) -> Array:
    found: Array = every["E"] + every["A"] * n ** -every["alpha"] + every["B"] * d ** -every["beta"]
    return found


def _plan(fit: Fit, every: dict[str, Array], compute: Array) -> Plan:
    n, d = _split(every, compute)
    with np.errstate(all="ignore"):
        loss = _loss(every, n, d) if "A" in every else every["loss_k"] * compute ** -every["loss_exponent"]
    seen = float(fit.observations.compute.max())
    refusals = list(fit.refusals)
    if not compute[0] <= FARTHEST * seen:
        refusals.append(
            _(
                "{compute:.3g} FLOPs are {times:.3g} times the largest budget seen: no answer beyond {farthest:.0f} "
                "times is to be relied on.",
                compute=compute[0],
                times=compute[0] / seen,
                farthest=FARTHEST,
            )
        )
    whole = (_with_interval(values, fit.share) for values in (compute, n, d, loss))
    return Plan(**dict(zip(("compute", "n", "d", "loss"), whole, strict=True)), refusals=tuple(refusals))


def _with_interval(values: Array, share: float) -> Forecast:
    low, high = interval(values[1:], share, values[0]) if len(values) > 1 else (float("nan"), float("nan"))
    return Forecast(value=float(values[0]), low=low, high=high)


def _check(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(_("{name}={value} is not possible; allowed: a number above 0.", name=name, value=value))
