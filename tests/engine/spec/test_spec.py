"""Specs: equal settings have equal keys, different ones different keys, bad ones do not exist."""

import dataclasses
import hashlib
import re

import pytest

from engine.spec import registry
from engine.spec.knob import Knob, Value
from engine.spec.run import RunSpec
from engine.spec.sweep import MAX_RUNS, SweepSpec, knobs_for, parse_settings

DEFAULTS: dict[str, Value] = {
    "dataset": "digits",
    "dataset_size": 1000,
    "folds": 0,
    "fold": 0,
    "label_noise": 0.0,
    "standardize": "default",
    "arch": "mlp",
    "width": 16,
    "depth": 1,
    "init": "default",
    "init_std": 0.02,
    "width_rule": "standard",
    "base_width": 16,
    "activation": "relu",
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "shift": 0,
    "rotate": 0.0,
    "augment_noise": 0.0,
    "mixup": 0.0,
    "optimizer": "adamw",
    "lr": 0.005,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "schedule": "constant",
    "final_lr": 0.1,
    "warmup": 0,
    "clip": 0.0,
    "batch_size": 256,
    "steps": 3000,
    "keep_weights": "off",
    "seed": 0,
}
OPTIONS = registry.options("mlp", "digits")


def test_a_key_is_the_same_however_the_spec_is_written() -> None:
    plain = RunSpec(width=8)
    assert plain.key == RunSpec.of(plain.flat()).key
    assert plain.key == RunSpec(width=8, lr=5e-3, options=(("activation", "relu"),)).key
    assert len(plain.key) == 32


def test_the_opening_run_keeps_its_key() -> None:
    # A changed key means that nothing trained so far is found again: then ENGINE_VERSION must rise too.
    assert RunSpec().key == "5bbe5f4645e20dc16cf4c9843a101d5e"


def test_the_runs_of_the_presets_keep_their_keys() -> None:
    presets = [registry.preset(name).settings for name in registry.names("presets")]
    own = [settings for settings in presets if not registry.dataset(settings["dataset"]).version]  # the same anywhere
    keys = "".join(key for settings in own for key in sorted(SweepSpec.of(settings).run_keys))
    assert hashlib.sha256(keys.encode()).hexdigest()[:16] == "941098ea2b1eeaa9"


def test_no_default_has_changed() -> None:
    # Keys leave defaults out: the same key would stand for other settings. ENGINE_VERSION must rise with a change.
    run, moons = RunSpec().flat(), RunSpec(dataset="moons").flat()
    assert moons["input_noise"] == 0.15
    assert DEFAULTS.items() <= run.items()


def test_a_knob_at_its_default_leaves_the_key_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    before = RunSpec(width=8).key
    extra = Knob(name="extra", kind=float, default=0.5, label="Extra", help="Made up.", group="Architecture")
    monkeypatch.setattr(registry, "options", lambda arch, dataset: {**OPTIONS, "extra": extra})
    assert RunSpec(width=8).key == before
    assert RunSpec.of({"width": 8, "extra": 0.7}).key != before


SETTLED = {"dataset", "arch", "data_seed", "momentum", "folds", "fold", "final_lr", "init_std", "base_width"}


@pytest.mark.parametrize("name", sorted(set(knobs_for({})) - SETTLED))
def test_every_knob_changes_the_key(name: str) -> None:
    knob = knobs_for({})[name]
    other = next(v for v in (*knob.choices(), 0.25, 7) if type(v) is knob.kind and v != knob.default)
    assert RunSpec.of({name: other}).key != RunSpec().key


@pytest.mark.parametrize(
    ("knob", "value", "given"),
    [
        ("momentum", 0.5, {"optimizer": "sgd"}),
        ("final_lr", 0.5, {"schedule": "cosine"}),
        ("init_std", 0.5, {"init": "normal"}),
        ("fold", 1, {"folds": 3}),
        ("base_width", 4, {"width_rule": "mup"}),
    ],
)
def test_some_knobs_count_under_others_alone(knob: str, value: float, given: dict[str, Value]) -> None:
    assert RunSpec.of({knob: value}).key == RunSpec().key
    assert RunSpec.of({knob: value, **given}).key != RunSpec.of(given).key


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"folds": 1}, "folds=1 is not possible; allowed: 0 or a whole number from 2 to 100."),
        ({"folds": 20, "dataset_size": 9}, "folds=20 is not possible; allowed: 0 or a whole number from 2 to 9."),
        ({"folds": 5, "fold": 5}, "fold=5 is not possible; allowed: a whole number from 0 to 4."),
        ({"shift": 8}, "shift=8 is not possible; allowed: a whole number from 0 to 7 for digits, whose shortest side"),
        ({"shift": 1, "dataset": "moons"}, "allowed: 0 for moons, whose examples are single features."),
        ({"rotate": 9.0, "dataset": "mnist1d"}, "rotate=9.0 is not possible; allowed: 0 for mnist1d, whose examples"),
        ({"augment_noise": 0.1, "dataset": "modular"}, "allowed: 0 for modular, whose examples are tokens."),
        (
            {"label_smoothing": 0.1, "dataset": "addition", "answer": "sum"},
            "allowed: 0 for addition, whose loss is seq",
        ),
        ({"mixup": 0.1, "dataset": "addition", "answer": "sum"}, "allowed: 0 for addition, whose loss is sequence"),
        ({"mixup": 0.1, "dataset": "characters"}, "mixup=0.1 is not possible; allowed: 0 for characters, whose"),
        (
            {"standardize": "each", "dataset": "modular"},
            "standardize=each is not possible; allowed: default or off for",
        ),
        ({"label_smoothing": 0.1, "dataset": "diabetes"}, "allowed: 0 for diabetes, whose loss is mse."),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Value], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        RunSpec.of(settings)


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


def test_a_key_knows_which_version_of_a_data_set_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    before, digits = RunSpec(dataset="characters").key, RunSpec().key
    newer = dataclasses.replace(registry.dataset("characters"), version="99.1")
    own = registry.dataset
    monkeypatch.setattr(registry, "dataset", lambda name: newer if name == "characters" else own(name))
    assert RunSpec(dataset="characters").key != before
    assert RunSpec().key == digits
