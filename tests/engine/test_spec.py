"""Specs: equal settings have equal keys, different ones different keys, bad ones do not exist."""

import pytest

from engine.spec import MAX_RUNS, RunSpec, SweepSpec, knobs_for, parse_settings


def test_a_key_is_the_same_however_the_spec_is_written() -> None:
    plain = RunSpec(width=8)
    assert plain.key == RunSpec.of(plain.flat()).key
    assert plain.key == RunSpec(width=8, lr=5e-3, options=(("activation", "relu"),)).key
    assert len(plain.key) == 32


def test_the_opening_run_keeps_its_key() -> None:
    # A changed key means that nothing trained so far is found again: then ENGINE_VERSION must rise too.
    assert RunSpec().key == "b21fe10a3a6f800ad4c569a14886852d"


@pytest.mark.parametrize("name", sorted(set(knobs_for({})) - {"dataset", "arch", "data_seed", "momentum"}))
def test_every_knob_changes_the_key(name: str) -> None:
    knob = knobs_for({})[name]
    other = next(v for v in (*knob.choices(), 0.25, 7) if type(v) is knob.kind and v != knob.default)
    assert RunSpec.of({name: other}).key != RunSpec().key


def test_momentum_counts_with_sgd_alone() -> None:
    assert RunSpec(momentum=0.5).key == RunSpec().key
    assert RunSpec(momentum=0.5, optimizer="sgd").key != RunSpec(optimizer="sgd").key


def test_a_run_draws_its_own_data_unless_told_which() -> None:
    assert RunSpec(seed=3).data_seed == 3
    assert RunSpec(seed=3, data_seed=0).data_seed == 0


def test_a_data_set_limits_the_training_examples() -> None:
    with pytest.raises(ValueError, match="dataset_size=1001 is not possible; allowed: a whole number from 1 to 1000"):
        RunSpec(dataset_size=1001)


def test_an_option_belongs_to_its_data_set() -> None:
    assert dict(RunSpec.of({"dataset": "moons", "input_noise": 0.3}).options)["input_noise"] == 0.3
    with pytest.raises(ValueError, match=r"input_noise=0\.3 is not a setting of mlp on digits"):
        RunSpec.of({"input_noise": 0.3})


def test_a_sweep_is_the_product_of_its_values() -> None:
    sweep = SweepSpec.of({"width": (4, 8), "seed": (0, 1, 2), "lr": 0.005})
    assert sweep.size == len(sweep.runs()) == 6
    assert sweep.values("width") == (4, 8)
    assert sweep.values("lr") == (0.005,)


def test_the_same_runs_are_the_same_sweep() -> None:
    assert SweepSpec.of({"width": (8, 4), "lr": 0.005}).key == SweepSpec.of({"width": (4, 8)}).key
    assert SweepSpec.of({"width": (4, 8)}).key != SweepSpec.of({"width": (4, 9)}).key


def test_a_grid_of_a_milliard_runs_is_counted_not_made() -> None:
    axes = {"width": tuple(range(1, 1001)), "seed": tuple(range(1000)), "data_seed": tuple(range(1000))}
    with pytest.raises(ValueError, match=f"The grid has 1,000,000,000 runs; allowed: at most {MAX_RUNS:,}"):
        SweepSpec.of(axes)


def test_settings_in_text_lie_over_a_preset() -> None:
    sweep = parse_settings({"label_noise": "0", "seed": "0..1"}, {"label_noise": 0.2, "width": (4, 8)})
    assert {run.label_noise for run in sweep.runs()} == {0.0}
    assert sweep.size == 4


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="widht=3 is not a setting of mlp on digits; allowed: dataset, "):
        parse_settings({"widht": "3"})
