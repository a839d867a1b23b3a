"""Figures of laws, and the rows they are of, from made-up runs."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.laws import catalog
from engine.laws.observations import Observations, observe
from pages.ui.laws import fits
from pages.ui.laws.question import Asked
from pages.ui.laws.table import MOST_ROWS, of_runs
from pages.ui.views import law_curves
from pages.ui.views.strokes import GREY, Look

LOOK = Look(size="params", loss="Loss", share=False, more=10, refused=False)
SIZES = np.repeat(np.geomspace(1e3, 1e6, 8), 2)


def power() -> Observations:
    noise = np.exp(np.random.default_rng(0).normal(0, 0.002, len(SIZES)))
    return observe(SIZES, 20 * SIZES**-0.2 * noise)


def budgets() -> Observations:
    compute = np.repeat([1e9, 1e10, 1e11], 7)
    n = np.tile(np.geomspace(0.1, 10, 7), 3) * 2e3 * (compute / 1e9) ** 0.5
    return observe(n, 2 + 0.1 * np.log(n / 2e3 / (compute / 1e9) ** 0.5) ** 2 - 0.1 * np.log10(compute), c=compute)


def named(figure: Any, name: str, mode: str = "") -> list[Any]:
    return [trace for trace in figure.data if trace.name == name and mode in trace.mode]


def test_the_forecast_goes_on_where_the_law_has_seen_nothing() -> None:
    rows = power()
    fit = catalog.fit("power", rows, bootstrap=20)
    seen, ahead = named(law_curves.curve(rows, fit, LOOK), "law", "lines")
    assert (seen.x[-1], ahead.x[0], ahead.x[-1]) == pytest.approx((1e6, 1e6, 1e7))
    assert ahead.y[-1] == pytest.approx(fit.forecast(n=1e7).value)
    (band,) = named(law_curves.curve(rows, fit, LOOK), "90 % interval")
    assert band.x.max() == pytest.approx(1e7)


def test_a_refused_law_is_grey_and_ends_with_what_was_seen() -> None:
    rows = power()
    figure = law_curves.curve(rows, catalog.fit("power", rows, bootstrap=20), dataclasses.replace(LOOK, refused=True))
    (law,) = named(figure, "law", "lines")
    assert law.line.color == f"var({GREY})"
    assert law.x.max() == pytest.approx(1e6)
    assert not figure.layout.shapes


def test_what_was_held_out_stands_beside_what_was_predicted_of_it() -> None:
    rows = power()
    fit = catalog.fit("power", rows, bootstrap=0)
    figure = law_curves.curve(rows, fit, LOOK)
    assert fit.held_out is not None
    (measured,), (predicted,) = named(figure, "held out, measured"), named(figure, "predicted unseen")
    np.testing.assert_allclose(measured.y, fit.held_out.observed)
    assert set(predicted.y) == set(fit.held_out.predicted)
    assert set(measured.x) == set(predicted.x)


def test_an_isoflop_curve_is_the_parabola_with_its_minimum() -> None:
    rows = budgets()
    fit = catalog.fit("isoflop", rows, bootstrap=20)
    figure = law_curves.isoflop(rows, fit, LOOK)
    (stars,) = named(figure, "minimum")
    np.testing.assert_allclose(stars.x, [2e3, 2e3 * 10**0.5, 2e4], rtol=1e-6)
    (valley,) = named(figure, "1.0e9 FLOPs", "lines")
    np.testing.assert_allclose(valley.y, 1.1 + 0.1 * np.log(valley.x / 2e3) ** 2, rtol=1e-6)
    best = fits.frontier(fit, 10)
    (line, ahead) = named(law_curves.frontier(fit, best, LOOK), "optimal size", "lines")
    assert ahead.x.max() == pytest.approx(1e12)
    assert np.polyfit(np.log(line.x), np.log(line.y), 1)[0] == pytest.approx(0.5)


def test_every_trace_has_a_name_for_narrow_screens() -> None:
    rows = budgets()
    for law in ("chinchilla", "isoflop"):
        fit = catalog.fit(law, rows, bootstrap=5)
        best = fits.frontier(fit, 2)
        drawn = [
            law_curves.frontier(fit, best, LOOK),
            law_curves.residuals(fit, LOOK),
            law_curves.isoflop(rows, None, LOOK),
        ]
        drawn.append(
            law_curves.by_compute(rows, fit, best, LOOK) if law == "chinchilla" else law_curves.isoflop(rows, fit, LOOK)
        )
        assert all(trace.name for figure in drawn for trace in figure.data)


def test_of_very_many_runs_a_part_is_fitted_and_that_is_said() -> None:
    count = MOST_ROWS + 5
    runs = pd.DataFrame(
        {"size": np.arange(1.0, count + 1), "loss": 1.0, "series": "", "data": np.nan, "compute": np.nan}
    )
    table = of_runs(runs.assign(name=[f"run {place}" for place in range(count)]), "params", "", Asked())
    assert len(table.frame) == MOST_ROWS
    assert "Of 1,005 rows 1,000 are fitted" in table.notes[0]
