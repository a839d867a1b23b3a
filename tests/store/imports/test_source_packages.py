"""TensorBoard, MLflow and Optuna: what their own packages wrote is read through them; without them, in words."""

import importlib
import shutil
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from store.imports.choice import Choice
from store.imports.collections import ImportedRun
from store.imports.guess import guess
from store.imports.mapping import mapped
from store.imports.sources.registry import read
from tests.store.imports.recorded.record import SEEDS, SIZES, STEPS, loss

RECORDED = Path(__file__).parent / "recorded"
NEEDED = {"tensorboard": "tensorboard", "mlruns": "mlflow-skinny", "study.db": "optuna", "study.log": "optuna"}
"""The package, as pip calls it, by what it reads."""
AS_FLOAT32 = 1e-7
"""Relative: event files hold single precision."""


def needs(name: str) -> None:
    package = NEEDED[name].removesuffix("-skinny")
    pytest.importorskip(package, reason=f"reads what {package} wrote through {package}, which is not installed")


def runs(name: str, choice: Choice | None = None) -> tuple[ImportedRun, ...]:
    """Return the runs, and check that nothing there was touched."""
    before = _stamps(RECORDED / name)
    raw = read(RECORDED / name)
    found = mapped(raw, choice or guess(raw)).runs
    assert _stamps(RECORDED / name) == before
    return found


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    there = [path, *path.rglob("*")]
    return sorted((str(one), one.stat().st_mtime_ns, one.stat().st_size) for one in there)


def check(found: tuple[ImportedRun, ...], factor: int) -> None:
    """Compare runs of every size and seed with the losses that were recorded."""
    assert {(run.size, run.seed) for run in found} == {(factor * width, seed) for width in SIZES for seed in SEEDS}
    for run in found:
        assert run.seed is not None
        recorded = [loss(int(run.size) // factor, step, run.seed) for step in STEPS]
        wanted = [None if value != value else pytest.approx(value, rel=AS_FLOAT32) for value in recorded]
        assert run.step == STEPS
        assert run.loss_at is not None
        assert list(run.loss_at) == wanted
        assert run.loss == wanted[-1]


def test_tensorboard_gives_a_run_per_folder_with_its_hyperparameters() -> None:
    needs("tensorboard")
    check(runs("tensorboard", Choice(size="hparams.n_params", loss="loss/val", seed="name:seed{}")), 10)
    found = runs("tensorboard", Choice(size="name:width={}", size_is="width", loss="loss/val", seed="name:seed{}"))
    check(found, 1)
    assert {run.name for run in found} == {f"width={width}/seed{seed}" for width in SIZES for seed in SEEDS}
    (run, *_) = runs("tensorboard")
    assert (run.data, run.data_at) == (2100, (100, 1100, 2100))
    kept = Choice(size="hparams.n_params", loss="loss/val", keep=("hparams.optimizer", "best"))
    assert runs("tensorboard", kept)[0].others == {"hparams.optimizer": "adam", "best": 1.0}


def test_tensorboard_gives_scalars_as_tensorflow_2_writes_them(tmp_path: Path) -> None:
    needs("tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = ("tensorboard.compat.proto.summary_pb2", "tensorboard.compat.proto.event_pb2")
        summary, event = map(importlib.import_module, names)
        metadata = importlib.import_module("tensorboard.plugins.scalar.metadata")
        tensors = importlib.import_module("tensorboard.util.tensor_util")
        files = importlib.import_module("tensorboard.summary.writer.event_file_writer")
        writer = files.EventFileWriter(str(tmp_path / "width=4"))
        for step in STEPS:
            tensor = tensors.make_tensor_proto(np.float32(step + 0.5))
            said = metadata.create_summary_metadata(display_name="", description="")
            value = summary.Summary.Value(tag="loss", tensor=tensor, metadata=said)
            writer.add_event(event.Event(step=step, summary=summary.Summary(value=[value])))
        writer.close()
    (run,) = mapped(read(tmp_path), Choice(size="name:width={}", size_is="width", loss="loss")).runs
    assert (run.step, run.loss_at) == (STEPS, (0.5, 10.5, 20.5))


def test_tensorboard_files_that_are_cut_give_what_comes_before(tmp_path: Path) -> None:
    needs("tensorboard")
    file = RECORDED / "tensorboard" / "width=4" / "seed0" / "events.out.tfevents.1"
    content = file.read_bytes()
    for cut, steps in ((len(content), STEPS), (content.rindex(b"loss/val"), STEPS[:2])):
        (tmp_path / file.name).write_bytes(content[:cut])
        assert mapped(read(tmp_path), Choice(size="tokens", loss="loss/val")).runs[0].step == steps
    for broken in (b"", content[:10], b"no events at all"):
        (tmp_path / file.name).write_bytes(broken)
        with pytest.raises(ValueError, match="holds no run"):
            read(tmp_path)


def test_mlflow_gives_params_tags_and_the_history_of_a_metric() -> None:
    needs("mlruns")
    check(runs("mlruns"), 10)
    choice = Choice(
        size="params.width", size_is="width", loss="metrics.val_loss", seed="params.seed", keep=("tags.team", "status")
    )
    found = runs("mlruns", choice)
    check(found, 1)
    assert found[0].others == {"tags.team": "a", "status": "FINISHED"}
    assert [run.name for run in found] == [f"w{width}-{seed}" for width in SIZES for seed in SEEDS]
    assert len(runs("mlruns", Choice(size="params.width", loss="metrics.val_loss", where=("run=w4-0",)))) == 1


def test_an_mlflow_store_that_is_damaged_is_refused_in_a_sentence(tmp_path: Path) -> None:
    needs("mlruns")
    shutil.copytree(RECORDED / "mlruns", tmp_path / "mlruns")
    for file in (tmp_path / "mlruns").rglob("val_loss"):
        file.write_text("no metric\n")
    with pytest.raises(ValueError, match=r"cannot be read by mlflow-skinny") as problem:
        mapped(read(tmp_path / "mlruns"), Choice(size="params.width", loss="metrics.val_loss"))
    assert "\n" not in str(problem.value)


def test_an_sqlite_file_of_mlflow_is_read_as_its_file_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("mlruns")
    pytest.importorskip("sqlalchemy", reason="MLflow writes SQLite files through sqlalchemy, which is not installed")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = importlib.import_module("mlflow").MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
        run = client.create_run(client.create_experiment("sizes"), run_name="w4").info.run_id
        client.log_param(run, "width", 4)
        for step in STEPS:
            client.log_metric(run, "loss", loss(4, step, 0), step=step)
    before = (tmp_path / "mlflow.db").read_bytes()
    raw = read(tmp_path / "mlflow.db")
    assert mapped(raw, guess(raw)).runs == (
        ImportedRun(
            name="w4", size=4, loss=loss(4, 20, 0), step=STEPS, loss_at=tuple(loss(4, step, 0) for step in STEPS)
        ),
    )
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("name", ["study.db", "study.log"])
def test_optuna_gives_a_run_per_trial_with_its_reports(name: str) -> None:
    needs(name)
    choice = Choice(size="params_width", size_is="width", loss="value", seed="user_attrs_seed", keep=("state",))
    found = runs(name, choice)
    assert [run.name for run in found] == [f"sizes {number}" for number in range(6)]
    for number, run in enumerate(found):
        width = int(run.size)
        assert run.step == (1, 2, 3)
        assert run.loss_at == tuple(loss(width, step, 0) for step in (1, 2, 3))
        assert run.seed == number % 2
        assert run.others["state"] == {3: "FAIL", 4: "PRUNED"}.get(number, "COMPLETE")
        ends = {3: None, 4: loss(width, 3, 0)}
        assert run.loss == ends.get(number, loss(width, 30, 0))
    assert runs(name) == tuple(map(_without_others, found))
    assert len(runs(name, Choice(size="params_width", loss="value", where=("state=COMPLETE",)))) == 4


def _without_others(run: ImportedRun) -> ImportedRun:
    return replace(run, others={})


def test_an_optuna_file_that_is_damaged_is_refused_in_a_sentence(tmp_path: Path) -> None:
    needs("study.db")
    content = (RECORDED / "study.db").read_bytes()
    for cut in (5000, len(content) // 2):
        (tmp_path / "study.db").write_bytes(content[:cut])
        with pytest.raises(ValueError, match=r"study\.db") as problem:
            read(tmp_path / "study.db")
        assert "\n" not in str(problem.value)
    (tmp_path / "study.log").write_bytes((RECORDED / "study.log").read_bytes()[:300] + b"\n{broken\n{}\n")
    with pytest.raises(ValueError, match="cannot be read by optuna"):
        read(tmp_path / "study.log")


@pytest.mark.parametrize(("name", "package"), NEEDED.items())
def test_without_its_package_a_source_names_the_command_that_installs_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package.removesuffix("-skinny"), None)
    for module in [module for module in sys.modules if module.startswith("tensorboard.")]:
        monkeypatch.delitem(sys.modules, module)
    importlib.invalidate_caches()
    with pytest.raises(ValueError, match=f"needs another package: run pip install {package}.$"):
        read(RECORDED / name)
