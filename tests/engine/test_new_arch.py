"""A new architecture is one file: the one that docs/extending.md shows, put into the folder, is known everywhere."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine.archs
from engine.commands.main import main
from engine.spec import registry
from engine.spec.sweep import knobs_for
from tests.engine.net import test_batched, test_equality
from tests.engine.net.equality import OPTIMIZERS
from tests.engine.spec import test_count
from tests.examples import example


@pytest.fixture(autouse=True)
def _residual_mlp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "residual_mlp.py").write_text(example("engine/archs/residual_mlp.py"), encoding="utf-8")
    monkeypatch.setattr(engine.archs, "__path__", [*engine.archs.__path__, str(tmp_path)])
    registry.names.cache_clear()
    yield
    sys.modules.pop("engine.archs.residual_mlp", None)
    registry.names.cache_clear()
    registry.options.cache_clear()


def test_it_is_a_choice_with_its_knobs(capsys: pytest.CaptureFixture[str]) -> None:
    assert "residual-mlp" in knobs_for({})["arch"].choices()
    assert "activation" in knobs_for({"arch": "residual-mlp"})
    assert main(["list"]) == 0
    assert "Residual MLP" in capsys.readouterr().out


@pytest.mark.parametrize("dataset", ["digits", "moons"])
def test_it_is_counted_as_torch_counts(dataset: str) -> None:
    test_count.test_params_are_those_of_the_model("residual-mlp", dataset)
    test_count.test_flops_are_those_of_torchs_own_counter("residual-mlp", dataset)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_passes_the_contract_of_the_batched_reader(optimizer: str) -> None:
    test_equality.test_readers_equal_the_reference_in_float64("residual-mlp", optimizer, "all")
    test_batched.test_a_run_does_not_depend_on_its_bucket_mates("residual-mlp", optimizer, ("tanh", 33))
