"""Words and number formats."""

import pytest

from engine.spec.knob import knobs_of
from engine.spec.run import RunSpec
from pages.ui import text


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0"), (950, "950"), (12_345, "12.3k"), (999_999, "1M"), (1.2e6, "1.2M"), (3e9, "3G")]
)
def test_counts_take_at_most_four_digits(number: float, said: str) -> None:
    assert text.count(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "under a second"), (38, "38 s"), (59.7, "1 min"), (110, "1 min 50 s"), (7500, "2 h 5 min")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


def test_flops_are_a_count_with_an_exponent() -> None:
    assert text.flops(4.5e9) == "4.5e9 FLOPs"
    assert text.flops(9.98e8) == "1.0e9 FLOPs"


@pytest.mark.parametrize("values", [(16,), (4, 6, 8), tuple(range(10)), (0, 1), (5, 7, 9)])
def test_a_knob_reads_whole_numbers_as_they_are_written(values: tuple[int, ...]) -> None:
    assert knobs_of(RunSpec)["seed"].parse(text.values(values)) == values


@pytest.mark.parametrize("values", [(0.0, 0.2), (1e-5,), (0.1, 0.30000000000000004)])
def test_a_knob_reads_shares_as_they_are_written(values: tuple[float, ...]) -> None:
    assert knobs_of(RunSpec)["label_noise"].parse(text.values(values)) == values


def test_consecutive_numbers_are_written_as_a_range() -> None:
    assert text.values(tuple(range(10))) == "0..9"


def test_long_lists_end_in_a_count() -> None:
    assert text.listed("abcdef") == "a, b, c and 3 more"


def test_text_from_elsewhere_has_no_meaning_to_markdown() -> None:
    assert text.literal("a *b*\n  [c](d) `e` $f$ :red[g] <h>") == r"a \*b\* \[c\]\(d\) \`e\` \$f\$ \:red\[g\] \<h\>"
    assert "://" not in text.literal("http://a.b").replace("\\", "")
    assert text.literal("Moons, 20 % noise – ü") == "Moons\\, 20 \\% noise – ü"
