"""Writes what lies beside it, with all three packages: `python -m tests.store.imports.recorded.record`."""

import importlib
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SIZES = (4, 16)
SEEDS = (0, 1)
STEPS = (0, 10, 20)


def loss(width: int, step: int, seed: int) -> float:
    """Return a loss that falls with width and step; one run diverges."""
    if (width, step, seed) == (16, 20, 1):
        return float("nan")
    return 1 / math.sqrt(width) + 2 / (step + 1) + 0.25 * seed


def tensorboard() -> None:
    """Write a folder of runs as PyTorch's writer lays them out, the hyperparameters in a folder of their own."""
    writers: Any = importlib.import_module("torch.utils.tensorboard")
    for width in SIZES:
        for seed in SEEDS:
            writer = writers.SummaryWriter(str(HERE / "tensorboard" / f"width={width}" / f"seed{seed}"))
            for step in STEPS:
                writer.add_scalar("loss/val", loss(width, step, seed), step)
                writer.add_scalar("tokens", 100.0 * step + 100, step)
            writer.add_hparams({"n_params": 10 * width, "optimizer": "adam"}, {"best": 1.0}, run_name="hparams")
            writer.close()
    for file in list((HERE / "tensorboard").rglob("events*")):
        file.rename(file.with_name("events.out.tfevents.1"))  # without the name of this machine


def mlflow() -> None:
    """Write a file store of one experiment."""
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    package: Any = importlib.import_module("mlflow")
    root = HERE / "mlruns"
    package.set_tracking_uri(root.as_uri())
    package.set_experiment("sizes")
    for width in SIZES:
        for seed in SEEDS:
            with package.start_run(run_name=f"w{width}-{seed}"):
                package.log_params({"width": width, "n_params": 10 * width, "seed": seed})
                package.set_tag("team", "a")
                for step in STEPS:
                    package.log_metric("val_loss", loss(width, step, seed), step=step)
    shutil.rmtree(root / ".trash", ignore_errors=True)
    for file in list(root.rglob("mlflow.*")):
        if file.name != "mlflow.runName":
            file.unlink()
    for file in root.rglob("meta.yaml"):
        text = file.read_text().replace(root.as_uri(), "file:///mlruns")
        file.write_text(re.sub("user_id: .*", "user_id: me", text))


def optuna() -> None:
    """Write a study into an SQLite file, and the same into a journal: eight trials, one failed, one pruned."""
    package: Any = importlib.import_module("optuna")
    package.logging.set_verbosity(package.logging.ERROR)

    def objective(trial: Any) -> float:
        width = trial.suggest_int("width", 4, 64, log=True)
        trial.suggest_categorical("optimizer", ["adam", "sgd"])
        trial.set_user_attr("seed", trial.number % 2)
        for step in (1, 2, 3):
            trial.report(loss(width, step, 0), step)
        if trial.number == 3:
            raise RuntimeError
        if trial.number == 4:
            raise package.TrialPruned
        return loss(width, 30, 0)

    journal = package.storages.journal.JournalFileBackend(str(HERE / "study.log"))
    for storage in (f"sqlite:///{HERE / 'study.db'}", package.storages.JournalStorage(journal)):
        sampler = package.samplers.RandomSampler(seed=1)
        study = package.create_study(storage=storage, study_name="sizes", sampler=sampler)
        study.optimize(objective, n_trials=6, catch=(RuntimeError,))


if __name__ == "__main__":
    for name in ("tensorboard", "mlruns"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    for name in ("study.db", "study.log"):
        (HERE / name).unlink(missing_ok=True)
    tensorboard()
    mlflow()
    optuna()
