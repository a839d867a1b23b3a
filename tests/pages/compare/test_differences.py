"""The settings in which sweeps differ."""

from engine.spec.sweep import SweepSpec
from pages.ui.compare import differences


def test_only_settings_that_differ_are_listed() -> None:
    apart = differences.table(
        {"a": SweepSpec.of({"width": (4, 8)}), "b": SweepSpec.of({"width": (4, 8), "label_noise": 0.2})}
    )
    assert apart.to_dict("index") == {"Label noise": {"a": "0", "b": "0.2"}}


def test_a_setting_that_a_sweep_lacks_is_a_dash() -> None:
    apart = differences.table({"a": SweepSpec.of({}), "b": SweepSpec.of({"dataset": "moons"})})
    assert apart.loc["Input noise"].to_dict() == {"a": "–", "b": "0.15"}


def test_the_notice_counts_and_names_the_settings() -> None:
    apart = differences.table({"a": SweepSpec.of({}), "b": SweepSpec.of({"lr": 0.1, "depth": 2})})
    assert "differ in 2 settings (depth and learning rate)" in differences.notice(apart)
