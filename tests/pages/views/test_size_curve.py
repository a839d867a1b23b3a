"""Figures and the numbers on them, from made-up tables."""

import json
import math
from typing import Any

import numpy as np
import pytest

from engine.spec.sweep import SweepSpec
from pages.ui import measures, summary
from pages.ui.summary import View
from pages.ui.views import size_curve, size_words
from tests.pages.tables import runs


def drawn(view: View, *rows: dict[str, object]) -> list[Any]:
    figure = size_curve.size_curve(runs(*rows), view)
    return [trace for trace in figure.data if trace.mode == "lines+markers"]


def test_the_mean_over_seeds_has_its_standard_error() -> None:
    found = summary.means(runs({"test_error": 0.1}, {"test_error": 0.2}, {"test_error": 0.3}), "test_error", "width")
    assert found["mean"].tolist() == pytest.approx([0.2])
    assert found["error"].tolist() == pytest.approx([0.1 / math.sqrt(3)])
    assert found["n"].tolist() == [3]


def test_a_diverged_run_does_not_count_in_the_mean() -> None:
    found = summary.means(
        runs({"test_error": 0.1}, {"test_error": math.nan, "state": "diverged"}), "test_error", "width"
    )
    assert found[["mean", "n"]].values.tolist() == [[0.1, 1]]


def test_test_and_train_each_have_one_line_in_rising_size() -> None:
    lines = drawn(View(), {"width": 8, "test_error": 0.2}, {"width": 4, "test_error": 0.4})
    assert [line["name"] for line in lines] == ["test", "train"]
    np.testing.assert_array_equal(lines[0]["x"], np.array([4, 8], dtype=np.float32))
    np.testing.assert_array_equal(lines[0]["y"], np.array([0.4, 0.2], dtype=np.float32))


def test_hovering_gives_mean_spread_and_number_of_runs() -> None:
    (line, _) = drawn(View(), {"seed": 0, "test_error": 0.1}, {"seed": 1, "test_error": 0.3})
    assert line["text"] == ("20.00 % ± 10.00 % (n = 2)",)


@pytest.mark.parametrize(("axis", "size"), [("width", 4), ("depth", 1), ("params", 40), ("ratio", 0.4)])
def test_each_size_axis_places_runs_by_its_own_size(axis: str, size: float) -> None:
    assert drawn(View(x=axis), {})[0]["x"].tolist() == pytest.approx([size])


def test_accuracy_is_drawn_in_per_cent_and_its_axis_reaches_all_of_it() -> None:
    table = runs({"seed": 0, "test_accuracy": 0.9}, {"seed": 1, "test_accuracy": 0.7})
    figure = size_curve.size_curve(table, View(y="accuracy"))
    line = next(trace for trace in figure.data if trace.mode == "lines+markers")
    assert line["text"] == ("80.00 % ± 10.00 % (n = 2)",)
    assert figure.layout.yaxis.autorangeoptions.include == (1,)
    assert figure.layout.title.text == "Accuracy (right answers)"


def test_with_mean_squared_error_accuracy_is_r_squared() -> None:
    figure = size_curve.size_curve(runs({}), View(y="accuracy"), {"mse"})
    assert figure.layout.title.text == "R² (variance explained)"
    assert measures.measure_name("accuracy", {"mse"}) == "R²"
    assert measures.measure_name("accuracy", {"mse", "hinge", "cross-entropy"}) == "accuracy or R²"
    assert measures.measure_name("error", {"mse"}) == "error"
    assert "test_r2" in summary.exported(runs({}), {"mse"})
    assert "test_accuracy" in summary.exported(runs({}), {"hinge", "cross-entropy"})
    assert "test_accuracy" in summary.exported(runs({}), {"hinge", "mse"})


def test_the_best_accuracy_is_where_the_error_is_lowest() -> None:
    assert [View(y=y).by for y in measures.SCALES] == ["error", "error", "loss"]


def test_a_log_axis_leaves_out_zeros() -> None:
    lines = drawn(View(log="xy"), {"width": 4, "train_error": 0.1}, {"width": 8, "train_error": 0.0})
    assert lines[1]["x"].tolist() == [4]


def test_a_linear_model_of_depth_0_makes_the_size_axis_linear() -> None:
    table = runs({"depth": 0}, {"depth": 2})
    axis = size_curve.size_curve(table, View(x="depth")).layout.xaxis
    assert axis.type == "linear"
    assert axis.ticktext == ("0", "2")
    assert "The size axis is linear" in size_words.marks(table, View(x="depth"))
    assert size_curve.size_curve(table, View(x="params")).layout.xaxis.type == "log"


def test_sizes_in_training_are_hollow() -> None:
    (line, _) = drawn(View(), {"width": 4}, {"width": 8, "state": "running"})
    assert line["marker"]["symbol"] == ("circle", "circle-open")


def test_the_threshold_is_the_smallest_size_with_a_mean_training_error_of_one_percent() -> None:
    table = runs(
        {"width": 4, "train_error": 0.011},
        {"width": 8, "seed": 0, "train_error": 0.0},
        {"width": 8, "seed": 1, "train_error": 0.02},
        {"width": 16, "train_error": 0.0},
    )
    assert summary.thresholds(table, "width") == {"": 8}
    shapes = size_curve.size_curve(table, View()).layout.shapes
    assert [shape.x0 for shape in shapes] == [8]


def test_without_a_threshold_nothing_is_marked() -> None:
    assert size_curve.size_curve(runs({"train_error": 0.5}), View()).layout.shapes == ()


def test_several_series_differ_in_colour_and_splits_in_dashes() -> None:
    lines = drawn(View(), {"series": "a"}, {"series": "b"})
    looks = {line["name"]: (line["line"]["color"], line["line"]["dash"]) for line in lines}
    assert looks["a"][0] == looks["a · train"][0] != looks["b"][0]
    assert {dash for _, dash in looks.values()} == {"solid", "dot"}


def test_zoom_is_kept_over_new_data_and_let_go_with_a_new_axis() -> None:
    def axis(view: View, value: float) -> object:
        return size_curve.size_curve(runs({"test_error": value}), view).layout.xaxis.uirevision

    assert axis(View(), 0.1) == axis(View(), 0.2) == axis(View(y="loss"), 0.1) != axis(View(x="params"), 0.1)


def test_numbers_travel_as_float32() -> None:
    sent = json.loads(size_curve.size_curve(runs({}), View()).to_json())
    assert all(trace["x"]["dtype"] == "f4" for trace in sent["data"])


def test_series_are_named_by_what_varies_beside_size_and_seed() -> None:
    sweep = SweepSpec.of({"width": (4, 8), "seed": (0, 1), "label_noise": (0.0, 0.2)})
    keys = [run.key for run in sweep.runs()]
    assert set(summary.series(sweep, keys, "width")) == {"label noise 0", "label noise 0.2"}


def test_depth_joins_the_curve_on_the_axis_of_params_where_width_is_fixed() -> None:
    sweep = SweepSpec.of({"width": 8, "depth": (1, 2)})
    keys = [run.key for run in sweep.runs()]
    assert summary.series(sweep, keys, "params") == ["", ""]
    assert summary.series(sweep, keys, "width") == ["depth 1", "depth 2"]


def test_depth_is_a_size_axis_only_where_it_varies() -> None:
    assert "depth" not in summary.axes(SweepSpec.of({}))
    assert "depth" in summary.axes(SweepSpec.of({"depth": (1, 2)}))


def test_of_many_series_only_the_first_split_has_a_band() -> None:
    rows: list[dict[str, object]] = [
        {"series": name, "width": width, "seed": seed} for name in "ab" for width in (4, 8) for seed in (0, 1)
    ]
    figure = size_curve.size_curve(runs(*rows), View())
    assert sum(trace.fill == "toself" for trace in figure.data) == 2
    assert sum(trace.mode == "lines+markers" for trace in figure.data) == 4


@pytest.mark.parametrize(
    ("losses", "title"),
    [
        (("cross-entropy",), "Error (share of wrong answers)"),
        (("mse",), "Error (share of variance left unexplained)"),
        (("cross-entropy", "hinge"), "Error (share of wrong answers)"),
        (("cross-entropy", "sequence"), "Error (share of wrong answers)"),
        (("cross-entropy", "mse"), "Error"),
    ],
)
def test_the_title_says_what_the_measure_is_for_the_loss_at_hand(losses: tuple[str, ...], title: str) -> None:
    assert size_curve.size_curve(runs({}), View(), losses).layout.title.text == title


def test_a_log_axis_over_a_decade_or_more_has_marks_that_keep_a_distance() -> None:
    wide, narrow = (runs({"test_loss": 1.0, "train_loss": low}) for low in (0.02, 0.5))
    view = View(y="loss", log="xy")
    assert size_curve.size_curve(wide, view).layout.yaxis.dtick == "D2"
    assert size_curve.size_curve(narrow, view).layout.yaxis.dtick is None


def test_a_name_of_a_sweep_has_no_meaning_to_plotly() -> None:
    lines = drawn(View(show=("test",)), {"series": "<b>x</b>"}, {"series": "y & z"})
    assert [line.name for line in lines] == ["&lt;b&gt;x&lt;/b&gt;", "y &amp; z"]
