"""What rows do not support is said in a sentence, and what they support is not refused."""

from typing import Any

import numpy as np
import pytest

from engine.laws.catalog import fit
from engine.laws.observations import observe
from engine.laws.optimum import for_budget, for_data, for_loss, smallest_within_one_error

SIZES = np.repeat(np.geomspace(1e3, 1e6, 10), 3)
NOISE = np.exp(np.random.default_rng(0).normal(0, 0.005, 30))
GOOD = observe(SIZES, (1.5 + 300 * SIZES**-0.5) * NOISE)
BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20)


def _joint(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1.69 + 406 * n**-0.34 + 410 * d**-0.28
    return found


def _isoflop(offset: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sizes around the optimum of each budget, times `offset`, with their compute and loss."""
    g = (0.34 * 406 / (0.28 * 410)) ** (1 / 0.62)
    n = np.concatenate([g * (c / 6) ** (0.28 / 0.62) * np.geomspace(0.2, 5, 9) * offset for c in BUDGETS])
    c = np.repeat(BUDGETS, 9)
    return n, c, _joint(n, c / 6 / n)


def test_a_good_table_is_not_refused() -> None:
    assert fit("power-offset", GOOD, bootstrap=0).refusals == ()


def test_less_than_a_decade_is_refused() -> None:
    n = np.geomspace(1e3, 5e3, 8)
    (refusal, *_) = fit("power", observe(n, 300 * n**-0.5), bootstrap=0).refusals
    assert "n ranges over 0.70 decades" in refusal
    assert "at least 1e+04" in refusal


def test_a_peak_is_refused() -> None:
    peak = 1 + 3 * np.exp(-(np.log(SIZES / 3e4) ** 2))
    found = fit("power-offset", observe(SIZES, peak * NOISE), bootstrap=0).refusals
    assert any("not monotone" in sentence and "n = 2.154e+04" in sentence for sentence in found)


@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 12), marks=pytest.mark.long)])
def test_noise_is_not_taken_for_a_peak(seeds: range) -> None:
    for seed in seeds:
        noise = np.exp(np.random.default_rng(seed).normal(0, 0.03, len(SIZES)))
        found = fit("power", observe(SIZES, 300 * SIZES**-0.1 * noise), bootstrap=0).refusals
        assert not any("monotone" in sentence for sentence in found)


def test_a_floor_that_trades_off_with_the_exponent_is_refused() -> None:
    n = np.repeat(np.geomspace(1e3, 2e4, 6), 3)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.02, len(n)))
    found = fit("power-offset", observe(n, (1 + 30 * n**-0.3) * noise), bootstrap=0).refusals
    assert any("trade off" in sentence for sentence in found)


def test_size_and_data_that_rise_together_are_refused() -> None:
    n = np.repeat(np.geomspace(1e6, 1e9, 8), 2)
    found = fit("chinchilla", observe(n, _joint(n, 20 * n), d=20 * n), bootstrap=0).refusals
    assert any("cannot be told apart" in sentence for sentence in found)


def test_a_law_that_forecasts_worse_than_a_flat_line_is_refused() -> None:
    n = np.geomspace(1e3, 1e6, 12)
    found = fit("power", observe(n, np.maximum(300 * n**-0.5, 1.0)), bootstrap=0).refusals
    assert any("a flat line by" in sentence for sentence in found)


def test_minima_of_budgets_give_the_exponent() -> None:
    n, c, loss = _isoflop()
    for law in ("isoflop", "isoflop-akima"):
        found = fit(law, observe(n, loss, c=c), bootstrap=20)
        assert found.estimates["a"] == pytest.approx(0.28 / 0.62, abs=0.01)
        assert found.estimates["a"] + found.estimates["b"] == 1
        assert found.refusals == ()


def test_minima_at_the_edge_are_left_out_and_said() -> None:
    n, c, loss = _isoflop(offset=6.0)
    with pytest.raises(ValueError, match="the lowest loss is at the smallest size"):
        fit("isoflop", observe(n, loss, c=c), bootstrap=0)
    good, cs, fine = _isoflop()
    most = cs < 1e20
    rows = observe(np.concatenate([good[most], n[~most]]), np.concatenate([fine[most], loss[~most]]), c=cs)
    found = fit("isoflop", rows, bootstrap=0)
    assert found.estimates["a"] == pytest.approx(0.28 / 0.62, abs=0.01)
    assert found.refusals == (
        "Left out, because the lowest loss is at the smallest size, so that the minimum may lie beyond: the budgets of "
        "1e+20 FLOPs.",
    )


def test_the_envelope_of_curves_gives_the_exponent() -> None:
    sizes, data = np.geomspace(1e5, 1e8, 14), np.geomspace(1e6, 1e11, 100)
    n, d = (part.ravel() for part in np.meshgrid(sizes, data, indexing="ij"))
    rows = observe(n, _joint(n, d), d=d, run=np.repeat(np.arange(14), 100).tolist())
    assert fit("envelope", rows, bootstrap=0).estimates["a"] == pytest.approx(0.28 / 0.62, abs=0.03)
    with pytest.raises(ValueError, match="several rows per run"):
        fit("envelope", observe(n, _joint(n, d), d=d), bootstrap=0)


def test_budget_data_and_loss_name_the_same_best_training() -> None:
    chance = np.random.default_rng(0)
    n, d = (np.exp(chance.uniform(np.log(low), np.log(1e3 * low), 60)) for low in (1e6, 1e8))
    fitted = fit("chinchilla", observe(n, _joint(n, d), d=d), bootstrap=2)
    plan = for_budget(fitted, 1e21)
    other = np.linspace(np.log(1e7), np.log(1e12), 100_001)
    losses = _joint(np.exp(other), 1e21 / 6 / np.exp(other))
    assert plan.n.value == pytest.approx(np.exp(other[losses.argmin()]), rel=1e-3)
    assert plan.loss.value == pytest.approx(losses.min(), rel=1e-6)
    for again in (for_data(fitted, plan.d.value), for_loss(fitted, plan.loss.value)):
        assert again.n.value == pytest.approx(plan.n.value, rel=1e-4)
        assert again.compute.value == pytest.approx(1e21, rel=1e-4)
    assert any("times the largest budget seen" in sentence for sentence in for_budget(fitted, 1e30).refusals)
    with pytest.raises(ValueError, match="above the law's floor"):
        for_loss(fitted, 1.6)
    with pytest.raises(ValueError, match="has no compute-optimal size"):
        for_budget(fit("power", GOOD, bootstrap=0), 1e21)


def test_the_smallest_model_within_one_error_of_the_best_is_named() -> None:
    n = np.repeat([1.0, 2.0, 4.0, 8.0], 4)
    noise = np.tile([-0.1, 0.1, -0.1, 0.1], 4)
    found = smallest_within_one_error(observe(n, np.repeat([2.0, 1.03, 1.0, 1.1], 4) + noise))
    assert (found.n, found.best_n) == (2, 4)
    with pytest.raises(ValueError, match="several seeds"):
        smallest_within_one_error(observe([1, 2], [2, 1]))


def test_what_was_left_out_is_said() -> None:
    rows = observe([1e3, 1e4, 1e5, 1e6, float("nan")], [5, 4, 3, 2, 1], drop_largest_losses=1)
    assert [(one.rows, one.reason) for one in rows.dropped] == [
        ((4,), "a value is missing, not finite, or not above 0"),
        ((0,), "asked for: the 1 largest losses, those from 5"),
    ]


@pytest.mark.parametrize(
    ("n", "loss", "options", "words"),
    [
        ([1, 2], [1], {}, "different lengths"),
        ([1, 2], [0, -1], {}, "no row is left"),
        ([1, 2], [1, 2], {"d": [1, 2], "c": [1, 2]}, "both given"),
        ([1, 2], [1, 2], {"drop_largest_losses": 2}, "would leave none"),
    ],
)
def test_a_table_that_is_none_is_refused(n: list[float], loss: list[float], options: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=words):
        observe(n, loss, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"law": "magic"}, "law=magic is not known"),
        ({"delta": 0}, "delta=0"),
        ({"bootstrap": -1}, "bootstrap=-1"),
        ({"level": 1}, "level=1"),
        ({"law": "broken", "breaks": 9}, "breaks=9"),
        ({"law": "chinchilla"}, "d is missing"),
    ],
)
def test_an_option_that_is_not_possible_is_refused(options: dict[str, Any], words: str) -> None:
    settings: dict[str, Any] = {"law": "power", "rows": GOOD, **options}
    with pytest.raises(ValueError, match=words):
        fit(**settings)


def test_a_broken_law_of_one_size_is_refused_and_of_two_has_nothing_held_out() -> None:
    with pytest.raises(ValueError, match="n is the same in every row"):
        fit("broken", observe([5.0] * 12, np.linspace(1, 2, 12)), bootstrap=0)
    found = fit("broken", observe([5.0] * 6 + [50.0] * 6, np.linspace(1, 2, 12)), bootstrap=0)
    assert found.held_out is None


def test_a_law_much_worse_than_a_flat_line_ahead_is_not_forecast_with() -> None:
    sizes = np.geomspace(10, 1e5, 11)
    falls_then_stands = np.maximum(sizes**-0.3, 1e3**-0.3) * np.exp(0.02 * np.sin(np.arange(11)))
    found = fit("power", observe(sizes, falls_then_stands), bootstrap=0)
    assert any("do not forecast with it" in sentence for sentence in found.refusals)
