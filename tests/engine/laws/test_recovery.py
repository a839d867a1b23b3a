"""Planted laws come back exactly, their derivatives are right, and intervals hold what they should."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.laws import catalog
from engine.laws.broken import broken
from engine.laws.catalog import FORMS, compare, fit
from engine.laws.form import Form
from engine.laws.observations import Observations, observe

SIZES = np.repeat(np.geomspace(1e3, 1e6, 10), 2)
CHANCE = np.random.default_rng(0)
N = CHANCE.choice(np.geomspace(1e6, 1e9, 8), 80)
D = CHANCE.choice(np.geomspace(1e8, 1e11, 8), 80)
UNIQUE = np.minimum(D, CHANCE.choice([1e8, 1e9, 1e10], 80))


def _bent(n: NDArray[np.float64], breaks: list[tuple[float, float, float]]) -> NDArray[np.float64]:
    pieces = [(1 + (n / d) ** (1 / f)) ** (-c * f) for c, d, f in breaks]
    found: NDArray[np.float64] = 0.3 + 5 * n**-0.1 * np.prod(pieces, axis=0)
    return found


PLANTED: dict[str, tuple[Observations, dict[str, float]]] = {
    "flat": (observe(SIZES, np.full(20, 2.5)), {"E": 2.5}),
    "power": (observe(SIZES, 300 * SIZES**-0.2), {"A": 300, "alpha": 0.2}),
    "power-offset": (observe(SIZES, 1.5 + 300 * SIZES**-0.5), {"E": 1.5, "A": 300, "alpha": 0.5}),
    "chinchilla": (
        observe(N, 1.7 + 400 * N**-0.34 + 410 * D**-0.28, d=D),
        {"E": 1.7, "A": 400, "B": 410, "alpha": 0.34, "beta": 0.28, "a": 0.28 / 0.62},
    ),
    "saturating": (observe(SIZES, 0.95 - 30 * SIZES**-0.6), {"ceiling": 0.95, "A": 30, "alpha": 0.6}),
    "sigmoid": (
        observe(SIZES, 0.1 + 0.8 / (1 + (SIZES / 3e4) ** -2.0)),
        {"low": 0.1, "high": 0.9, "k": 2.0, "middle": 3e4},
    ),
    "broken": (
        observe(np.geomspace(1, 1e6, 40), _bent(np.geomspace(1, 1e6, 40), [(0.5, 1e3, 0.3)])),
        {"a": 0.3, "b": 5, "c0": 0.1, "c1": 0.5, "d1": 1e3, "f1": 0.3},
    ),
}


@pytest.mark.parametrize("law", PLANTED)
def test_a_planted_law_comes_back(law: str) -> None:
    rows, truth = PLANTED[law]
    found = fit(law, rows, bootstrap=2)
    assert {name: found.estimates[name] for name in truth} == pytest.approx(truth, rel=1e-6)
    for name, value in truth.items():
        low, high = found.intervals[name]
        assert low <= value * (1 + 1e-6)
        assert high >= value * (1 - 1e-6)
    assert found.held_out is not None
    assert found.held_out.error < 1e-6


def test_every_law_has_a_planted_one() -> None:
    assert set(PLANTED) | {"data-constrained", "isoflop", "isoflop-akima", "envelope"} == set(catalog.LAWS)


def test_the_law_of_repeated_data_comes_back_from_the_published_constants() -> None:
    # Source: arXiv:2305.16264, as used by its authors: a, b, e, alpha = beta, R*_D, R*_N.
    form, theta = (
        FORMS["data-constrained"],
        np.array([[6.255414, 7.3049974, 0.6254804, 0.3526596, 15.387756, 5.309743]]),
    )
    theta[:, 4:] = np.log(theta[:, 4:])
    losses = form.values(theta, np.log([N, D, UNIQUE]))[0]
    found = fit("data-constrained", observe(N, losses, d=D, unique=UNIQUE), bootstrap=0).estimates
    expected = {"E": np.exp(0.6254804), "A": np.exp(6.255414), "B": np.exp(7.3049974), "alpha": 0.3526596}
    expected |= {"rd_star": 15.387756, "rn_star": 5.309743}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert form.values(theta, np.log([[1e8], [4e9], [4e9]])) == pytest.approx(
        np.exp(0.6254804) + np.exp(6.255414) * 1e8**-0.3526596 + np.exp(7.3049974) * 4e9**-0.3526596
    )


@pytest.mark.long
def test_two_breaks_come_back() -> None:
    n = np.geomspace(1, 1e6, 60)
    rows = observe(n, _bent(n, [(0.5, 1e2, 0.3), (-0.4, 1e4, 0.3)]))
    found = fit("broken", rows, breaks=2, bootstrap=0).estimates
    assert found == pytest.approx(
        {"a": 0.3, "b": 5, "c0": 0.1, "c1": 0.5, "d1": 1e2, "f1": 0.3, "c2": -0.4, "d2": 1e4, "f2": 0.3}, rel=1e-4
    )


@pytest.mark.parametrize("form", [*FORMS.values(), broken(3)], ids=lambda form: f"{form.name}-{form.title[-8:]}")
def test_derivatives_are_those_of_the_prediction(form: Form) -> None:
    x = np.log([N, D, UNIQUE][: len(form.inputs)])
    x = x - x.mean()
    y = CHANCE.normal(1.0, 0.1, len(N))
    theta = form.starts(x, y)[-3:]
    _, slopes = form.predict(theta, x)
    for place, slope in enumerate(slopes):
        step = np.zeros(theta.shape[1])
        step[place] = 1e-6
        numeric = (form.predict(theta + step, x)[0] - form.predict(theta - step, x)[0]) / 2e-6
        assert np.broadcast_to(slope, numeric.shape) == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_tails_of_a_sum_have_the_exponent_that_theory_gives() -> None:
    """Of sums over i > P of i^−(1 + a), log-log slopes over P from 10 to 3000: computed by hand from the exact sums."""
    terms = np.arange(1, 2_000_001, dtype=np.float64)
    places = np.unique(np.geomspace(10, 3000, 20).round()).astype(int)
    for a in (0.3, 0.5, 1.0):
        whole = np.cumsum((terms ** -(1 + a))[::-1])[::-1] + (terms[-1] + 0.5) ** -a / a
        slope = -np.polyfit(np.log(places), np.log(whole[places]), 1)[0]
        found = fit("power", observe(places, whole[places]), bootstrap=0, delta=10.0)
        assert found.estimates["alpha"] == pytest.approx(slope, rel=1e-6)
        assert found.estimates["alpha"] == pytest.approx(a, rel=0.02)


def test_the_right_law_wins_on_what_was_held_out() -> None:
    noise = np.random.default_rng(1).normal(0, 0.003, len(SIZES))
    ranked = compare(["power", "power-offset"], observe(SIZES, (1.5 + 300 * SIZES**-0.5) * np.exp(noise)))
    assert [one.name for one in ranked] == ["power-offset", "flat", "power"]


@pytest.mark.parametrize(
    "laws", [["power-offset"], pytest.param(["power-offset", "broken", "sigmoid"], marks=pytest.mark.long)]
)
def test_a_flat_line_wins_where_there_is_nothing(laws: list[str]) -> None:
    noise = np.random.default_rng(2).normal(0, 0.02, len(SIZES))
    ranked = compare(laws, observe(SIZES, 2 * np.exp(noise)))
    best, flat = ranked[0].held_out_error, next(one for one in ranked if one.name == "flat").held_out_error
    assert flat < 1.5 * best


def test_rows_of_one_run_are_drawn_together() -> None:
    """Thirty copies of each of six runs say no more than the six runs."""
    n = np.geomspace(1e3, 1e6, 6)
    loss = 300 * n**-0.2 * np.exp(np.random.default_rng(3).normal(0, 0.02, 6))
    copies = observe(np.repeat(n, 30), np.repeat(loss, 30), run=[str(i) for i in range(6) for _ in range(30)])
    single = fit("power", observe(n, loss), bootstrap=200).standard_errors["alpha"]
    assert fit("power", copies, bootstrap=200).standard_errors["alpha"] == pytest.approx(single, rel=0.35)
    alone = observe(np.repeat(n, 30), np.repeat(loss, 30))
    assert fit("power", alone, bootstrap=200).standard_errors["alpha"] < 0.4 * single
