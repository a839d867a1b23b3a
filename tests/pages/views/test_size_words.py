"""Sentences about a table of runs."""

import math

from pages.ui.summary import View
from pages.ui.views import size_words
from tests.pages.tables import runs


def test_the_caption_names_band_and_number_of_seeds() -> None:
    said = size_words.marks(runs({"seed": 0}, {"seed": 1}), View())
    assert "n = 2" in said
    assert "± one standard error of the mean" in said


def test_one_run_per_size_has_no_band() -> None:
    assert "no band" in size_words.marks(runs({}), View())


def test_zeros_on_a_log_axis_are_spoken_of() -> None:
    assert "Zeros" in size_words.marks(runs({"train_error": 0.0}), View(log="y"))


def test_a_threshold_that_is_not_reached_is_said_to_be_so() -> None:
    assert "no interpolation threshold" in size_words.threshold(runs({"train_error": 0.3}), View())
    begun = runs({"train_error": 0.3, "state": "running"})
    assert "threshold yet" in size_words.threshold(begun, View())
    assert "from width 4 on" in size_words.threshold(runs({"train_error": 0.0}), View())


def test_diverged_and_failed_runs_are_named_with_their_reason() -> None:
    table = runs(
        {"width": 8, "seed": 1, "state": "diverged", "test_loss": math.nan},
        {"width": 16, "seed": 2, "state": "failed", "error": "Out of\nmemory."},
        {},
    )
    (diverged,) = size_words.troubles(table)
    assert "width 8: seed 1" in diverged
    assert size_words.failures(table) == "**1 run failed:**\n- width 16, seed 2: Out of memory."
    assert size_words.failures(runs({})) == ""


def test_of_many_failed_runs_the_first_are_listed_and_the_rest_counted() -> None:
    failed: list[dict[str, object]] = [
        {"width": 16, "seed": seed, "state": "failed", "error": "x" * 9000} for seed in range(8)
    ]
    heading, *lines = size_words.failures(runs(*failed)).splitlines()
    assert heading == "**8 runs failed:**"
    assert len(lines) == size_words.MOST_FAILURES + 1
    assert lines[-1] == "- and 3 more"
    assert max(map(len, lines)) < 500


def test_the_text_alternative_says_what_is_drawn_and_where_it_is_lowest() -> None:
    said = size_words.alt(runs({"width": 4, "test_error": 0.3}, {"width": 8, "test_error": 0.2}), View())
    assert said.startswith("Line chart of test and train error against width, 2 runs.")
    assert "0.2 at 8" in said


def test_the_text_alternative_says_where_accuracy_is_highest() -> None:
    table = runs({"width": 4, "test_accuracy": 0.7}, {"width": 8, "test_accuracy": 0.8})
    said = size_words.alt(table, View(y="accuracy"), {"mse"})
    assert said.startswith("Line chart of test and train R² against width, 2 runs.")
    assert said.endswith("Highest mean test R²: 0.8 at 8.")
