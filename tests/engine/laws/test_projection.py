"""Variable projection, another way to the same minimum, agrees with the search; where it is lower, the fit refuses."""

import numpy as np
import pytest

from engine.laws import parametric
from engine.laws.catalog import FORMS, fit
from engine.laws.minimize import Minima, minimize
from engine.laws.observations import Observations, observe

CHANCE = np.random.default_rng(1)
N = CHANCE.choice(np.geomspace(1e6, 1e9, 8), 90)
D = CHANCE.choice(np.geomspace(1e8, 1e11, 8), 90)
NOISE = np.exp(0.01 * CHANCE.standard_t(2, 90))
ROWS = {
    "power": observe(N, 300 * N**-0.2 * NOISE),
    "power-offset": observe(N, (1.5 + 3e3 * N**-0.5) * NOISE),
    "chinchilla": observe(N, (1.7 + 400 * N**-0.34 + 410 * D**-0.28) * NOISE, d=D),
}


@pytest.mark.parametrize(
    ("law", "delta"),
    [
        *[("power", 0.1), ("power-offset", 1e-3), ("chinchilla", 1e-3)],
        *(pytest.param(*case, marks=pytest.mark.long) for case in (("power", 1e-3), ("power-offset", 0.1))),
        pytest.param("chinchilla", 0.1, marks=pytest.mark.long),
    ],
)
def test_both_ways_end_at_the_same_minimum(law: str, delta: float) -> None:
    found = fit(law, ROWS[law], delta=delta, bootstrap=0)
    assert found.projected is not None
    assert found.projected.objective == pytest.approx(found.objective, rel=1e-5)
    assert dict(found.projected.estimates) == pytest.approx(
        {name: found.estimates[name] for name in found.projected.estimates}, rel=0.02
    )


def test_every_law_that_sums_powers_is_checked() -> None:
    assert {name for name, form in FORMS.items() if form.sums_powers} == set(ROWS)


def test_a_search_that_stops_early_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def lazy(*given: object, **options: object) -> Minima:
        return minimize(*given, **{**options, "steps": 2})  # type: ignore[arg-type]

    monkeypatch.setattr(parametric, "minimize", lazy)
    found = fit("chinchilla", ROWS["chinchilla"], bootstrap=0)
    assert any("Variable projection finds a lower objective" in sentence for sentence in found.refusals)


def test_a_law_of_rising_losses_has_no_lower_objective_by_it() -> None:
    rows: Observations = observe(N, N**0.1)
    assert not any("Variable projection" in sentence for sentence in fit("power", rows, bootstrap=0).refusals)
