"""Keys of many runs at once are the keys of each."""

from typing import Any

import pytest

from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec

SEEDS = (0, 1, 7, 2**31 - 1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"width": 5, "lr": 0.1}, {"dataset": "parity", "bits": 12}, {"dataset": "characters", "arch": "transformer"}],
    ids=str,
)
def test_keys_of_siblings_are_those_of_their_specs(settings: dict[str, Any]) -> None:
    runs = [RunSpec.of(settings | {"seed": s, "data_seed": d}) for s in SEEDS for d in (-1, 0, 3)]
    for run in runs[:4]:
        assert run.sibling_keys([r.seed for r in runs], [r.data_seed for r in runs]) == [r.key for r in runs]


@pytest.mark.parametrize("seeds", [([-1], [0]), ([0], [2**31]), ([0, 2**31], [0, 0])])
def test_a_sibling_with_a_seed_out_of_range_is_refused(seeds: tuple[list[int], list[int]]) -> None:
    with pytest.raises(ValueError, match=r"seed=-?\d+ is not possible"):
        RunSpec().sibling_keys(*seeds)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"width": (2, 4, 8), "seed": SEEDS, "data_seed": (-1, 0, 3)},
        {"data_seed": (2,), "lr": (0.1, 0.2)},
        {"folds": 3, "fold": (0, 1, 2), "seed": (1, 2)},
        {"optimizer": ("adamw", "sgd"), "momentum": (0.5, 0.9)},  # runs that fall together
    ],
    ids=str,
)
def test_the_keys_of_a_sweep_are_those_of_its_runs(settings: dict[str, Any]) -> None:
    sweep = SweepSpec.of(settings)
    keys = sweep.run_keys
    assert sorted(keys) == sorted(run.key for run in sweep.runs())
    assert len(set(keys)) == len(keys)
