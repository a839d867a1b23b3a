"""The published runs of the Chinchilla paper give the published constants. Source: arXiv:2404.10102."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from engine.commands.main import main
from engine.laws.catalog import fit
from engine.laws.observations import Observations, observe

RUNS = Path(__file__).parents[4] / "shared/data/chinchilla_epoch/svg_extracted_data.csv"
pytestmark = pytest.mark.skipif(not RUNS.exists(), reason="the published runs have no licence and do not ship")
COLUMNS = ("--n", "Model Size", "--c", "Training FLOP", "--loss", "loss")


def _rows(drop: int) -> Observations:
    with RUNS.open() as opened:
        rows = list(csv.DictReader(opened))
    n, c, loss = ([float(row[name]) for row in rows] for name in ("Model Size", "Training FLOP", "loss"))
    return observe(n, loss, c=c, drop_largest_losses=drop)


def test_the_command_prints_the_minimum_of_the_published_objective(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--drop-largest-losses", "5", "--bootstrap", "1000", "--json"]
    code = main(["fit", "--csv", str(RUNS), "--law", "chinchilla", *COLUMNS, *asked])
    assert code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 240
    assert found["objective"] == pytest.approx(1.018274e-3, rel=1e-6)
    assert found["variable_projection"]["objective"] == pytest.approx(1.018274e-3, rel=1e-6)
    estimates = found["estimates"]
    assert estimates["E"] == pytest.approx(1.8172, abs=0.0005)
    assert estimates["A"] == pytest.approx(477.8, rel=0.01)
    assert estimates["B"] == pytest.approx(2143, rel=0.01)
    assert estimates["alpha"] == pytest.approx(0.3473, abs=0.0005)
    assert estimates["beta"] == pytest.approx(0.3672, abs=0.0005)
    assert estimates["a"] == pytest.approx(0.5139, abs=0.0005)
    # Standard errors vary by some per cent from one set of 1000 samples to another, B's more.
    expected = {"E": 0.0255, "alpha": 0.0152, "beta": 0.0205, "a": 0.0198, "A": 123}
    errors = {name: found["standard_errors"][name] for name in expected}
    assert errors == pytest.approx(expected, rel=0.1)
    assert found["refusals"] == []
    assert found["held_out"]["error"] < 0.02
    assert found["d_from"] == "D = C / 6N"


def test_a_small_delta_gives_least_absolute_deviations() -> None:
    found = fit("chinchilla", _rows(5), delta=1e-6, bootstrap=0)
    expected = {"E": 1.8168, "A": 481.93, "B": 2085.0, "alpha": 0.3478, "beta": 0.3658}
    assert {name: found.estimates[name] for name in expected} == pytest.approx(expected, rel=5e-4)
    assert np.abs(found.residuals).sum() == pytest.approx(1.12949, rel=1e-4)


def test_undeclared_outliers_would_move_the_exponent_of_data() -> None:
    found = fit("chinchilla", _rows(0), bootstrap=0).estimates
    assert found["E"] == pytest.approx(1.891, abs=0.001)
    assert found["beta"] == pytest.approx(0.453, abs=0.001)
