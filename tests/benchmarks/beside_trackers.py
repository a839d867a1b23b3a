"""Prints how long the curves of one chart take to load: `python tests/benchmarks/beside_trackers.py`.

2,000 runs of 50 points, one loss each: from this store, Optuna's SQLite storage, MLflow's file store and TensorBoard's
EventAccumulator, each where its package is installed, into one table of run, width, step and loss. Made-up losses.
"""

import argparse
import importlib.util
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from store.home import open_database
from store.results import queries
from store.results.spool import Spool, ingest

Losses = np.ndarray
"""(runs, points)."""
Loader = Callable[[], pd.DataFrame]
WIDTHS = (2, 3, 4, 6, 8, 12, 16, 23, 32, 45)
POINTS = 50


def main() -> None:
    """Fill each in turn, then load from it twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="a multiple of 10")
    options = parser.parse_args()
    sweep = SweepSpec.of({"dataset": "moons", "width": WIDTHS, "seed": tuple(range(options.runs // len(WIDTHS)))})
    runs = sweep.runs()
    losses = np.random.default_rng(0).random((len(runs), POINTS)).astype(np.float32).astype(np.float64)
    wanted = pd.DataFrame({"loss": losses.ravel()}).sum()["loss"]
    print(f"{'seconds for ' + str(len(runs)) + ' runs':<36}{'fill':>8}{'load':>8}{'again':>8}{'CPU':>8}")
    for name, package, fill in (
        ("Scalescope, all 14 metrics", None, _ours),
        ("Optuna, SQLite storage", "optuna", _optuna),
        ("MLflow, file store", "mlflow", _mlflow),
        ("TensorBoard, EventAccumulator", "tensorboard", _tensorboard),
    ):
        if package and importlib.util.find_spec(package) is None:
            print(f"{name:<36}is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            load = fill(Path(folder), runs, losses)
            times = [time.perf_counter() - began]
            for _ in range(2):
                wall, cpu = time.perf_counter(), time.process_time()
                table = load()
                times.append(time.perf_counter() - wall)
            if len(table) != losses.size or not np.isclose(table["loss"].sum(), wanted):
                raise SystemExit(f"{name} gave other curves back.")
        print(f"{name:<36}{''.join(f'{t:>8.2f}' for t in times)}{time.process_time() - cpu:>8.2f}", flush=True)


def _ours(folder: Path, runs: tuple[RunSpec, ...], losses: Losses) -> Loader:
    os.environ["SCALESCOPE_GALLERY"] = str(folder)
    db = open_database(folder)
    spool = Spool(db, "benchmark")
    for width in WIDTHS:
        bucket = [(run, row) for run, row in zip(runs, losses, strict=True) if run.width == width]
        spool.put(
            [
                RunResult(
                    spec=run,
                    state=RunState.FINISHED,
                    steps=tuple(range(POINTS)),
                    metrics=dict.fromkeys(METRICS, tuple(row.tolist())),
                    point_seconds=tuple(range(POINTS)),
                )
                for run, row in bucket
            ]
        )
    ingest(db)
    return lambda: queries.curves(db, runs).rename(columns={"test_loss": "loss"})


def _optuna(folder: Path, runs: tuple[RunSpec, ...], losses: Losses) -> Loader:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = f"sqlite:///{folder}/study.db"
    widths = {"width": optuna.distributions.IntDistribution(1, 2048)}
    study = optuna.create_study(storage=url, study_name="sweep")
    known = dict(enumerate(losses[0].tolist()))
    first = {"params": {"width": runs[0].width}, "distributions": widths, "value": known[POINTS - 1]}
    study.add_trial(optuna.trial.create_trial(intermediate_values=known, **first))
    with sqlite3.connect(folder / "study.db") as con:  # by its own way, a trial would take a tenth of a second
        for place, (run, row) in enumerate(zip(runs[1:], losses[1:].tolist(), strict=True), start=1):
            _like_the_first(con, "trials", place, number=place)
            _like_the_first(con, "trial_params", place, param_value=run.width)
            _like_the_first(con, "trial_values", place, value=row[-1])
            for step, value in enumerate(row):
                _like_the_first(con, "trial_intermediate_values", place, step=step, intermediate_value=value)

    def load() -> pd.DataFrame:
        trials = optuna.load_study(storage=url, study_name="sweep").get_trials(deepcopy=False)
        rows = [(t.number, t.params["width"], s, v) for t in trials for s, v in t.intermediate_values.items()]
        return _table(rows)

    return load


def _like_the_first(con: sqlite3.Connection, table: str, place: int, **values: float) -> None:
    """Add a row to a table of Optuna's: the first one's for the trial `place` after it, but for `values`."""
    names = [name for _, name, *_ in con.execute(f"PRAGMA table_info({table})").fetchall()]
    given = {name: f":{name}" for name in values} | {"trial_id": "trial_id + :place"}
    kept = names if table == "trials" else names[1:]  # of others the first is their own number
    columns = ", ".join(given.get(name, name) for name in kept)
    sql = f"INSERT INTO {table} ({', '.join(kept)}) SELECT {columns} FROM {table} ORDER BY {names[0]} LIMIT 1"
    con.execute(sql, values | {"place": place})


def _mlflow(folder: Path, runs: tuple[RunSpec, ...], losses: Losses) -> Loader:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=str(folder))
    experiment = client.create_experiment("sweep")
    for run, row in zip(runs, losses, strict=True):
        run_id = client.create_run(experiment).info.run_id
        metrics = [Metric("test_loss", value, 1, step) for step, value in enumerate(row.tolist())]
        client.log_batch(run_id, metrics=metrics, params=[Param("width", str(run.width))])

    def load() -> pd.DataFrame:
        rows, token = [], None
        while token is None or token:
            page = client.search_runs([experiment], max_results=50_000, page_token=token)
            for found in page:
                history = client.get_metric_history(found.info.run_id, "test_loss")
                rows += [(found.info.run_id, int(found.data.params["width"]), one.step, one.value) for one in history]
            token = page.token or ""
        return _table(rows)

    return load


def _tensorboard(folder: Path, runs: tuple[RunSpec, ...], losses: Losses) -> Loader:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for number, (run, row) in enumerate(zip(runs, losses, strict=True)):
        writer = EventFileWriter(str(folder / f"{run.width}-{number}"))
        for step, value in enumerate(row.tolist()):
            summary = Summary(value=[Summary.Value(tag="test_loss", simple_value=value)])
            writer.add_event(Event(step=step, wall_time=float(step), summary=summary))
        writer.close()

    def load() -> pd.DataFrame:
        rows: list[tuple[object, ...]] = []
        for path in folder.iterdir():
            events = EventAccumulator(str(path))
            events.Reload()
            width = int(path.name.partition("-")[0])
            rows += [(path.name, width, one.step, one.value) for one in events.Scalars("test_loss")]
        return _table(rows)

    return load


def _table(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["run", "width", "step", "loss"])


if __name__ == "__main__":
    main()
