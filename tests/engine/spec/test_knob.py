"""A knob takes what is in range, in several ways of writing it, and refuses the rest in a sentence."""

import pytest

from engine.spec.knob import Knob, applies, log_spaced

WIDTH = Knob(name="width", kind=int, default=16, label="", help="", group="", low=1, high=2048)
RATE = Knob(name="lr", kind=float, default=0.1, label="", help="", group="", low=0, above=True, high=100)
KIND = Knob(name="arch", kind=str, default="mlp", label="", help="", group="", choices=lambda: ("mlp", "cnn"))


@pytest.mark.parametrize(
    ("knob", "text", "values"),
    [
        (WIDTH, "16", (16,)),
        (WIDTH, " 4, 8,16 ", (4, 8, 16)),
        (WIDTH, "4,4,8", (4, 8)),
        (WIDTH, "1e2", (100,)),
        (WIDTH, "3..6", (3, 4, 5, 6)),
        (WIDTH, "4..512x4", (4, 20, 102, 512)),
        (RATE, "0.001..0.1x3", (0.001, 0.01, 0.1)),
        (KIND, "mlp,cnn", ("mlp", "cnn")),
    ],
)
def test_a_knob_reads_values_lists_and_ranges(knob: Knob, text: str, values: tuple[object, ...]) -> None:
    assert knob.parse(text) == values


@pytest.mark.parametrize(
    "text", ["", "0", "1000000", "abc", "2049", "1.5", "nan", "inf", "1e999", "-3", "6..3", "4..5x0"]
)
def test_a_bad_value_is_refused_with_field_value_and_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"^width=.*; allowed: .+\.$") as refusal:
        WIDTH.parse(text)
    assert text in str(refusal.value)


def test_an_open_lower_end_is_not_allowed_itself() -> None:
    with pytest.raises(ValueError, match="allowed: a number above 0 to 100"):
        RATE.parse("0")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="arch=gan is not possible; allowed: one of mlp, cnn"):
        KIND.parse("gan")


def test_a_huge_range_is_refused_before_it_is_made() -> None:
    seed = Knob(name="seed", kind=int, default=0, label="", help="", group="", low=0, high=2**31 - 1)
    with pytest.raises(ValueError, match="allowed: at most"):
        seed.parse("0..999999999")
    with pytest.raises(ValueError, match="points; allowed"):
        seed.parse("1..9x1000000000000")


def test_minus_zero_is_zero() -> None:
    assert str(RATE.check(0.5)) == "0.5"
    assert str(Knob(name="x", kind=float, default=0.0, label="", help="", group="").check(-0.0)) == "0.0"


def test_log_spacing_keeps_both_ends_and_drops_repeats() -> None:
    assert log_spaced(1, 8, 8) == (1, 2, 3, 4, 6, 8)
    assert log_spaced(5, 5, 1) == (5,)


def test_a_knob_may_matter_only_beside_another() -> None:
    momentum = Knob(name="momentum", kind=float, default=0.9, label="", help="", group="", only_if=("optimizer", "sgd"))
    assert applies(momentum, {"optimizer": "sgd"})
    assert not applies(momentum, {"optimizer": "adamw"})
