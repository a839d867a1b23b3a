"""What ships: made by our own presets as they stand now, and showing what the presets say."""

import json
import platform
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.spec import registry
from engine.spec.sweep import SweepSpec
from store.exchange.gallery import GALLERY
from store.home import open_database
from store.results import queries, runs

PRESETS = registry.names("presets")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh home, in which the first look takes in what ships."""
    return tmp_path_factory.mktemp("home")


def _means(preset: str, home: Path, size: str = "width", metric: str = "test_error") -> "pd.Series[float]":
    table = queries.runs_at(open_database(home), SweepSpec.of(registry.preset(preset).settings).runs())
    means: pd.Series[float] = table.groupby(size)[metric].mean()
    return means


def _curves(preset: str, home: Path) -> pd.DataFrame:
    """Return a row per run and eval point, each with its width."""
    runs = {run.key: run.width for run in SweepSpec.of(registry.preset(preset).settings).runs()}
    table = queries.curves(open_database(home), SweepSpec.of(registry.preset(preset).settings).runs())
    return table.assign(width=table["key"].map(runs))


def _is_of_this_python(preset: str) -> bool:
    """Return whether a preset's results are found here: those of text are of one version of Python."""
    made = json.loads((GALLERY / f"{preset}.json").read_text())["versions"]["python"]
    return "characters" not in preset or made == platform.python_version()


@pytest.mark.parametrize("preset", [name for name in PRESETS if _is_of_this_python(name)])
def test_every_preset_ships_whole_with_where_and_how_it_was_made(preset: str, home: Path) -> None:
    sweep = SweepSpec.of(registry.preset(preset).settings)
    assert runs.missing(open_database(home), sweep.runs()) == []
    facts = json.loads((GALLERY / f"{preset}.json").read_text())
    assert facts["title"] == registry.preset(preset).title
    assert {"machine", "versions", "seconds", "made"} <= set(facts)


def test_the_opening_curve_falls_peaks_at_the_threshold_and_falls_again(home: Path) -> None:
    error = _means("digits-double-descent", home)
    valley, peak = error[[6, 8]].min(), error[[24, 32]].max()
    # Measured elsewhere with 5 seeds: 0.169 at width 6, 0.295 ± 0.028 at 24, 0.151 ± 0.026 at 512.
    assert valley == pytest.approx(0.169, abs=0.04)
    assert peak == pytest.approx(0.295, abs=0.056)
    assert error[512] == pytest.approx(0.151, abs=0.052)
    assert peak > 1.5 * valley
    assert peak > 1.5 * error[512]


@pytest.mark.parametrize("control", ["digits-clean-labels", "digits-weight-decay"])
def test_the_peak_vanishes_in_the_controls(control: str, home: Path) -> None:
    error, peak = _means(control, home), _means("digits-double-descent", home)
    assert error[24] < 0.25 * peak[24]
    assert error[24] <= error[12] + 0.01


def test_clean_labels_never_make_a_larger_model_worse(home: Path) -> None:
    error = _means("digits-clean-labels", home)
    assert np.all(np.diff(error) < 0.01)


def test_two_moons_show_the_u(home: Path) -> None:
    error = _means("moons-overfitting", home)
    assert error.idxmin() in (4, 8, 16, 32)
    assert error[1] > error.min() + 0.05
    assert error[128] > error.min() + 0.04


def test_mnist1d_is_as_hard_as_the_paper_says(home: Path) -> None:
    # arXiv:2011.14439, table 1: linear 32 %, MLP 68 %, CNN 94 %, GRU 91 % right.
    by_depth = _means("mnist1d-mlp", home, "depth")
    gru = _means("mnist1d-gru", home)
    assert by_depth[0] == pytest.approx(1 - 0.32, abs=0.03)
    assert by_depth[2] == pytest.approx(1 - 0.68, abs=0.03)
    assert _means("mnist1d-cnn", home)[25] == pytest.approx(1 - 0.94, abs=0.03)
    assert gru[8] == pytest.approx(1 - 0.91, abs=0.03)
    assert gru[12] == pytest.approx(1 - 0.91, abs=0.03)  # as many parameters as the paper's, which reads both ways


def test_transformers_suddenly_learn_to_add(home: Path) -> None:
    error = _means("addition-transformer", home)
    assert error[6] > 0.4
    assert error[12] < 0.2
    assert error[24] < 0.01


def test_strong_weight_decay_takes_the_u_away_from_two_moons(home: Path) -> None:
    error = _means("moons-weight-decay", home)
    assert error.idxmin() in (64, 128)
    assert error[128] < 0.5 * _means("moons-overfitting", home)[128]


def test_a_linear_model_descends_twice_in_time_where_features_are_of_two_scales(home: Path) -> None:
    error = _curves("epoch-double-descent", home).groupby("step")["test_error"].mean()
    # Measured elsewhere with 4 seeds: 0.388, 0.528, 0.078.
    assert error[37] == pytest.approx(0.388, abs=0.1)
    assert error[443] == pytest.approx(0.528, abs=0.1)
    assert error[20_000] == pytest.approx(0.078, abs=0.03)
    control = _curves("epoch-one-scale", home).groupby("step")["test_error"].mean()
    assert np.all(np.diff(control[control.index <= 300]) < 0)
    assert control[control.index > 300].max() < control.min() + 0.03


def test_more_examples_hurt_where_they_are_as_many_as_weights(home: Path) -> None:
    error = _means("sample-double-descent", home, "dataset_size")
    assert error.idxmax() in (110, 120, 130)
    assert error[120] > 3 * error[80] > 3 * error[200]
    assert np.all(np.diff(_means("sample-ridge", home, "dataset_size")) < 0)


@pytest.mark.parametrize(("preset", "most"), [("grokking-modular", 0.0), ("grokking-no-decay", 0.9)])
def test_pairs_known_by_heart_are_understood_later_with_weight_decay_alone(
    preset: str, most: float, home: Path
) -> None:
    table = _curves(preset, home)
    for _, run in table[table["width"] == 128].groupby("key"):
        by_heart = run[run["train_error"] < 0.01].iloc[0]
        assert by_heart["step"] < 100
        assert by_heart["test_error"] > 0.95
        generalized = run[run["test_error"] < 0.05]["step"]
        assert most < run["test_error"].iloc[-1] or generalized.min() > 10 * by_heart["step"]


def test_a_few_more_units_suddenly_find_the_bits_that_matter(home: Path) -> None:
    error, control = _means("parity-jump", home), _means("parity-one-bit", home)
    assert error[2] > 0.4
    assert error[32] < 0.01
    assert control.max() < 0.01


def test_whole_sums_come_suddenly(home: Path) -> None:
    exact = _means("addition-exact-match", home, metric="test_exact")
    loss = _means("addition-exact-match", home, metric="test_loss")
    assert exact[32] < 0.1
    assert exact[256] > 0.75
    assert loss[16] > 1.4 * loss[32] > 1.4 * 1.4 * loss[64]


def test_all_answers_are_suddenly_right_where_the_loss_falls_evenly(home: Path) -> None:
    exact, loss = (_means("exact-match-signs", home, metric=f"test_{name}") for name in ("exact", "loss"))
    assert exact[4] < 0.2
    assert exact[32] > 0.6
    falls = -np.diff(np.log(loss))
    assert falls.min() > 0.15
    assert falls.max() < 0.6


@pytest.mark.skipif(not _is_of_this_python("characters-compute"), reason="made with another version of Python")
def test_every_budget_has_a_best_size_and_it_grows(home: Path) -> None:
    sweep = SweepSpec.of(registry.preset("characters-compute").settings).runs()
    budgets = {run.key: run.budget for run in sweep}
    table = queries.runs_at(open_database(home), sweep)
    loss = table.groupby([table["key"].map(budgets), "width"])["test_loss"].mean().unstack()
    best = list(loss.idxmin(axis=1))
    assert best == sorted(set(best))
    assert not {4, 128} & set(best)


@pytest.mark.parametrize(("preset", "size", "slope"), [("size", "params", -1.0), ("data", "dataset_size", -0.92)])
def test_students_follow_a_power_law(preset: str, size: str, slope: float, home: Path) -> None:
    loss = np.log(_means(f"teacher-student-{preset}", home, size, "test_loss"))
    assert np.all(np.diff(loss) < 0)
    assert np.polyfit(np.log(loss.index.to_numpy(dtype=float)), loss, 1)[0] == pytest.approx(slope, abs=0.1)
