"""Fits a parametric law: many starts, the best of them, bootstrap samples, and the largest sizes held out."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.base.language import _, _n
from engine.laws import checks, projection
from engine.laws.form import Form
from engine.laws.minimize import Array, minimize
from engine.laws.observations import Observations
from engine.laws.result import Fit, HeldOut

DELTA = 1e-3
"""Residual (of the log loss) beyond which the Huber loss is linear. Source: arXiv:2203.15556 §3.3."""
REACHED = 1e-6
"""Distance from the best objective, as a share of it, within which a start has reached it."""
FOLLOWED = 24
"""Number of starts that are followed to the end, those lowest after some steps; of very many an eighth."""
HELD_OUT_SHARE = 0.2
"""Share of the sizes, or of the budgets, that is held out: the largest."""


def fit_form(
    form: Form,
    rows: Observations,
    *,
    delta: float = DELTA,
    bootstrap: int = 200,
    seed: int = 0,
    level: float = 0.9,
    hold_out: str = "",
) -> Fit:
    """Return `form` fitted to `rows` by the sum of Huber losses of the residuals.

    `delta`, `seed`, `level`: as in engine.laws.fit; `bootstrap`: how many samples of the runs, drawn with replacement,
    are fitted too, each from the best parameters; `hold_out`: n or compute, of which the largest are held out; by
    default compute where the form has `d`, else n.
    Raises: ValueError: for too few rows, a missing input, or an option out of range.
    """
    if not 0 < delta < float("inf"):
        raise ValueError(_("delta={delta} is not possible; allowed: a number above 0.", delta=delta))
    if not 0 <= bootstrap <= 100_000:
        raise ValueError(_("bootstrap={bootstrap} is not possible; allowed: 0 to 100000 samples.", bootstrap=bootstrap))
    problem = _Problem(form, rows, delta)
    theta, value, starts, reached = problem.best()
    samples = problem.samples(theta, bootstrap, np.random.default_rng(seed))
    held = _held_out(form, rows, delta, hold_out or ("compute" if "d" in form.inputs else "n"))
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
    """One law on one table: what the search minimises."""

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
            raise ValueError(
                _n(
                    "{n} rows are too few for {law}; allowed: at least {least}.",
                    "{n} rows are too few for {law}; allowed: at least {least}.",
                    len(rows),
                    law=form.name,
                    least=free + 1,
                )
            )

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

    def samples(self, theta: Array, count: int, rng: np.random.Generator) -> Array:
        """Return the parameters of `count` bootstrap samples, (count, p)."""
        if not count:
            return np.empty((0, len(theta)))
        runs = int(self._rows.run.max()) + 1
        drawn = np.stack([np.bincount(rng.integers(0, runs, runs), minlength=runs) for _sample in range(count)])
        weights = drawn[:, self._rows.run].astype(np.float64)
        with np.errstate(all="ignore"):
            return minimize(self._objective(weights), np.repeat(self._warm(theta)[None], count, axis=0)).theta

    def _warm(self, theta: Array) -> Array:
        """Return where samples start: the best parameters, or a start of the search where their floor is 0.

        At a floor of 0 its gradient vanishes, so that no sample would leave it.
        """
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
        _predicted, grads = self._form.predict(theta[None], self._x)
        return np.stack([grad[0] for grad in grads], axis=1)

    def _objective(self, weights: Array | None) -> Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]:
        def objective(theta: Array, which: NDArray[np.intp]) -> tuple[Array, Array]:
            predicted, grads = self._form.predict(theta, self._x)
            residual = predicted - self._y
            size = np.abs(residual)
            loss = np.where(size <= self._delta, 0.5 * residual**2, self._delta * (size - 0.5 * self._delta))
            loss_grad = np.clip(residual, -self._delta, self._delta)
            if weights is not None:
                loss, loss_grad = loss * weights[which], loss_grad * weights[which]
            return loss.sum(axis=1), np.stack([(loss_grad * grad).sum(axis=1) for grad in grads], axis=1)

        return objective


def _held_out(form: Form, rows: Observations, delta: float, of: str) -> HeldOut | None:
    """Fit all but the largest sizes, or budgets, and predict these; None where too few would be left."""
    sizes = rows.compute if of == "compute" else rows.n
    distinct = np.unique(sizes)
    count = max(1, round(HELD_OUT_SHARE * len(distinct)))
    if len(distinct) <= count:
        return None
    limit = distinct[-count]
    held, smaller = rows.take(sizes >= limit), rows.take(sizes < limit)
    try:
        problem = _Problem(form, smaller, delta)
    except ValueError:
        return None
    theta = problem.best()[0][None]

    def predicted(of_rows: Observations) -> Array:
        found: Array = form.values(theta, of_rows.inputs(form.inputs) - problem.centre[:, None])[0]
        return found

    ahead = predicted(held)
    last = smaller.loss[(sizes[sizes < limit]) >= distinct[-count - 1]]
    return HeldOut(
        rows=tuple(int(row) for row in held.row),
        sizes=tuple(float(size) for size in distinct[-count:]),
        of=of,
        predicted=tuple(float(value) for value in ahead),
        observed=tuple(float(value) for value in held.loss),
        error=_error(ahead, held.loss),
        in_sample_error=_error(predicted(smaller), smaller.loss),
        flat_error=_error(np.full(len(held), last.mean()), held.loss),
    )


def _error(predicted: Array, observed: Array) -> float:
    return float(np.mean(np.abs(predicted / observed - 1)))
