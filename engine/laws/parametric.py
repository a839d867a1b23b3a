"""Fits a parametric law: many starts, the best of them, bootstrap samples, and the largest sizes held out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.laws import checks, projection
from engine.laws.fit import Fit, HeldOut
from engine.laws.form import Form
from engine.laws.minimize import Array, minimize
from engine.laws.observations import Observations

DELTA = 1e-3
"""Residual beyond which the Huber loss grows in a straight line. Source: arXiv:2203.15556 §3.3."""
REACHED = 1e-6
"""Share of the best objective within which a start counts as having reached it."""
FOLLOWED = 24
"""Starts that are followed to the end: those that are lowest after some steps."""
HELD_SHARE = 0.2
"""Share of the sizes that is held out."""


def fit_form(
    form: Form,
    rows: Observations,
    *,
    delta: float = DELTA,
    bootstrap: int = 200,
    seed: int = 0,
    level: float = 0.9,
    ahead: str = "",
) -> Fit:
    """Return `form` fitted to `rows` by the sum of Huber losses of the residuals.

    `bootstrap`: how many samples of the runs, drawn with replacement, are fitted from the best parameters on.
    `ahead`: of what the largest are held out, n or compute; of compute where the form has `d`, if nothing else is said.
    Raises: ValueError: for too few rows, a missing input, or an option out of range.
    """
    if not 0 < delta < float("inf"):
        raise ValueError(f"delta={delta} is not possible; allowed: a number above 0.")
    if not 0 <= bootstrap <= 100_000:
        raise ValueError(f"bootstrap={bootstrap} is not possible; allowed: 0 to 100000 samples.")
    problem = _Problem(form, rows, delta)
    theta, value, starts, reached = problem.best()
    samples = problem.samples(theta, bootstrap, np.random.default_rng(seed))
    held = _held_out(form, rows, delta, ahead or ("compute" if "d" in form.inputs else "n"))
    found = form.estimates(theta[None], problem.centre)
    every = np.concatenate([theta[None], samples])
    fit = Fit(
        law=form.name,
        title=form.title,
        formula=form.formula,
        observations=rows,
        estimates={name: float(values[0]) for name, values in found.items()},
        objective=value,
        starts=starts,
        reached=reached,
        residuals=-problem.residuals(theta[None])[0],
        samples=form.estimates(samples, problem.centre) if bootstrap else {},
        level=level,
        free=len(theta),
        held_out=held,
        refusals=(),
        at=lambda inputs: form.values(every, np.log(inputs) - problem.centre[:, None]),
        inputs=form.inputs,
        projected=projection.project(np.exp(rows.inputs(form.inputs)), rows.loss, delta, floor="E" in found)
        if form.sums_powers
        else None,
    )
    return checks.checked(fit, form, problem.jacobian(theta))


class _Problem:
    """One law on one table, ready for the search."""

    def __init__(self, form: Form, rows: Observations, delta: float) -> None:
        self._form, self._rows, self._delta = form, rows, delta
        logs = rows.inputs(form.inputs)
        self.centre = logs.mean(axis=1)
        if "unique" in form.inputs:
            self.centre[2] = self.centre[1]  # the law compares the two
        self._x = logs - self.centre[:, None]
        self._y = np.log(rows.loss) if form.space == "log" else rows.loss
        free = form.starts(self._x, self._y).shape[1]
        if len(rows) <= free:
            raise ValueError(f"{len(rows)} rows are too few for {form.name}; allowed: at least {free + 1}.")

    def best(self) -> tuple[Array, float, int, int]:
        """Return the best parameters, their objective, the starts followed, and how many of those reached it."""
        starts = self._form.starts(self._x, self._y)
        with np.errstate(all="ignore"):
            rough = minimize(self._objective(None), starts, steps=50, tolerance=1e-3)
            order = np.argsort(np.where(np.isfinite(rough.value), rough.value, np.inf))
            followed = rough.theta[order[: max(FOLLOWED, len(starts) // 8)]]
            found = minimize(self._objective(None), followed)
        values = np.where(np.isfinite(found.value), found.value, np.inf)
        best = int(values.argmin())
        reached = int((values <= values[best] * (1 + REACHED) + 1e-15).sum())
        return found.theta[best], float(values[best]), len(followed), reached

    def samples(self, theta: Array, count: int, chance: np.random.Generator) -> Array:
        """Return the parameters of `count` bootstrap samples, (count, p)."""
        if not count:
            return np.empty((0, len(theta)))
        runs = int(self._rows.run.max()) + 1
        drawn = np.stack([np.bincount(chance.integers(0, runs, runs), minlength=runs) for _ in range(count)])
        weights = drawn[:, self._rows.run].astype(np.float64)
        with np.errstate(all="ignore"):
            return minimize(self._objective(weights), np.repeat(self._warm(theta)[None], count, axis=0)).theta

    def _warm(self, theta: Array) -> Array:
        """Return where samples begin: at the best parameters, but for a floor of 0, from which no slope leads away."""
        floor = self._form.estimates(theta[None], self.centre).get("E", np.array([np.inf]))[0]
        if self._form.space == "linear" or floor >= checks.NO_FLOOR * self._rows.loss.min():
            return theta
        starts = self._form.starts(self._x, self._y)
        best: Array = starts[int(self._objective(None)(starts, np.arange(len(starts)))[0].argmin())]
        return best

    def residuals(self, theta: Array) -> Array:
        """Return predicted − observed, (b, rows)."""
        return self._form.predict(theta, self._x)[0] - self._y

    def jacobian(self, theta: Array) -> Array:
        """Return the derivatives (rows, p) of the residuals by the parameters."""
        _, slopes = self._form.predict(theta[None], self._x)
        return np.stack([slope[0] for slope in slopes], axis=1)

    def _objective(self, weights: Array | None) -> Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]:
        def objective(theta: Array, which: NDArray[np.intp]) -> tuple[Array, Array]:
            predicted, slopes = self._form.predict(theta, self._x)
            residual = predicted - self._y
            size = np.abs(residual)
            loss = np.where(size <= self._delta, 0.5 * residual**2, self._delta * (size - 0.5 * self._delta))
            pull = np.clip(residual, -self._delta, self._delta)
            if weights is not None:
                loss, pull = loss * weights[which], pull * weights[which]
            return loss.sum(axis=1), np.stack([(pull * slope).sum(axis=1) for slope in slopes], axis=1)

        return objective


def _held_out(form: Form, rows: Observations, delta: float, of: str) -> HeldOut | None:
    """Fit all but the largest sizes, or budgets, and predict these; None where too little would be left."""
    sizes = rows.compute if of == "compute" else rows.n
    distinct = np.unique(sizes)
    count = max(1, round(HELD_SHARE * len(distinct)))
    if len(distinct) <= count:
        return None
    limit = distinct[-count]
    held, kept = rows.take(sizes >= limit), rows.take(sizes < limit)
    try:
        problem = _Problem(form, kept, delta)
    except ValueError:
        return None
    theta = problem.best()[0][None]

    def predicted(of_rows: Observations) -> Array:
        found: Array = form.values(theta, of_rows.inputs(form.inputs) - problem.centre[:, None])[0]
        return found

    ahead = predicted(held)
    last = kept.loss[(sizes[sizes < limit]) >= distinct[-count - 1]]
    return HeldOut(
        rows=tuple(int(row) for row in held.row),
        sizes=tuple(float(size) for size in distinct[-count:]),
        of=of,
        predicted=tuple(float(value) for value in ahead),
        observed=tuple(float(value) for value in held.loss),
        error=_error(ahead, held.loss),
        in_sample_error=_error(predicted(kept), kept.loss),
        flat_error=_error(np.full(len(held), last.mean()), held.loss),
    )


def _error(predicted: Array, observed: Array) -> float:
    return float(np.mean(np.abs(predicted / observed - 1)))
