"""Links: what they name, and what becomes of broken ones."""

import pytest

from engine.spec.sweep import SweepSpec
from pages.ui import link
from pages.ui.summary import View


def test_an_address_without_settings_is_the_opening_preset() -> None:
    shown = link.read({})
    assert shown.sweep == link.preset("digits-double-descent")
    assert shown.problems == ()


def test_the_opening_preset_needs_no_settings_in_the_address() -> None:
    assert link.written(link.preset(link.OPENING), View()) == {}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dataset": "moons", "width": (4, 6, 8), "label_noise": 0.2, "seed": tuple(range(10))},
        {"optimizer": ("adamw", "sgd"), "depth": (1, 2)},
        {"dataset": "moons", "input_noise": 0.3},
    ],
)
def test_what_is_written_reads_as_the_same_sweep(settings: dict[str, object]) -> None:
    sweep = SweepSpec.of(settings)
    shown = link.read(link.written(sweep, View()))
    assert shown.sweep == sweep
    assert shown.problems == ()


@pytest.mark.parametrize(
    "view", [View(x="params", y="loss", log="xy", show=("test",), at="best"), View(log="none", at=100)]
)
def test_what_is_written_reads_as_the_same_view(view: View) -> None:
    assert link.read(link.written(link.preset(link.OPENING), view)).view == view


def test_a_link_reads_as_the_command_line_does() -> None:
    shown = link.read({"dataset": "moons", "width": "4,6,8", "label_noise": "0.2", "seed": "0..9", "x": "params"})
    assert shown.sweep.size == 30
    assert shown.view.x == "params"


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"width": "abc"}, "width=abc"),
        ({"width": "0"}, "width=0"),
        ({"width": "1000000"}, "width=1000000"),
        ({"lr": "nan"}, "lr=nan"),
        ({"nonsense": "1"}, "nonsense=1"),
        ({"preset": "nobody"}, "preset=nobody"),
        ({"x": "size"}, "x=size"),
        ({"at": "-3"}, "at=-3"),
        ({"show": "test,all"}, "show=test,all"),
        ({"dataset": "moons", "dataset_size": "5000"}, "dataset_size=5000"),
        ({"width": "1..1000", "seed": "0..9999"}, "The grid has"),
    ],
)
def test_a_broken_link_gives_one_sentence_and_something_to_show(params: dict[str, str], part: str) -> None:
    shown = link.read(params)
    assert len(shown.problems) == 1
    assert part in shown.problems[0]
    assert shown.sweep.runs()


def test_a_broken_part_leaves_the_rest_of_the_link_alone() -> None:
    shown = link.read({"dataset": "moons", "lr": "nan", "width": "8"})
    assert shown.sweep == SweepSpec.of({"dataset": "moons", "width": 8})


def test_a_link_may_start_from_a_preset_and_change_it() -> None:
    shown = link.read({"preset": "digits-double-descent", "label_noise": "0"})
    assert shown.sweep.values("label_noise") == (0.0,)
    assert shown.sweep.values("width") == link.preset("digits-double-descent").values("width")
