"""What docs/extending.md shows is enough: its data set, preset and verdict work once they are put where it says."""

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from engine.data.load import load
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.verdicts.series import series_of
from engine.verdicts.verdict import Verdict
from tests.engine.verdicts.planted import DIGITS, WIDTHS, Plan, noisy
from tests.examples import example

Put = Callable[[str], ModuleType]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Put]:
    """Lend a function that puts an example of the page into its package, and imports it."""
    imported = []

    def put(path: str) -> ModuleType:
        package, _, name = path.removesuffix(".py").replace("/", ".").rpartition(".")
        (tmp_path / f"{name}.py").write_text(example(path), encoding="utf-8")
        folder = import_module(package)
        monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
        registry.names.cache_clear()
        imported.append(f"{package}.{name}")
        return import_module(imported[-1])

    yield put
    for name in imported:
        sys.modules.pop(name, None)
    registry.names.cache_clear()
    registry.options.cache_clear()


def test_the_data_set_is_a_choice_and_its_splits_share_no_example(put: Put) -> None:
    put("engine/datasets/rings.py")
    found = load(RunSpec.of({"dataset": "rings", "rings": 4, "dataset_size": 2000}))
    assert [len(part.y) for part in (found.train, found.val, found.test)] == [2000, 500, 2000]
    assert set(found.train.y) == set(range(4))
    rows = np.concatenate([found.train.x, found.val.x, found.test.x])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_preset_is_a_sweep(put: Put) -> None:
    put("engine/presets/moons_depth.py")
    sweep = SweepSpec.of(registry.preset("moons-depth").settings)
    assert {(run.dataset, run.depth, run.seed) for run in sweep.runs()} == {
        ("moons", depth, seed) for depth in (0, 1, 2) for seed in (0, 1, 2)
    }


@pytest.mark.parametrize(
    ("end", "answer"), [(0.1, "supported"), (0.2, "not supported")], ids=["it improves", "it stays"]
)
def test_the_verdict_says_what_was_planted(put: Put, end: float, answer: str) -> None:
    module = put("engine/verdicts/improving.py")
    plan = Plan.of(5, **DIGITS)
    error = noisy(np.linspace(0.2, end, len(WIDTHS)), 0.005, np.random.default_rng(0), 5)
    curves = plan.curves({"test_error": error, "train_error": error})
    (series,) = series_of(plan.sweep, curves, "width")
    found: Verdict = module.improves(series, "test_error")
    assert found.answer == answer
    assert found.effect == pytest.approx(100 * (0.2 - end), abs=1.5)
