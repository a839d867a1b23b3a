"""MLflow: a file store (mlruns) or an SQLite file, read through MLflow's own client, which may not write into it."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.base.language import _
from store.imports.sources.source import Curve, Raw, Source, by_package, copy_sqlite, curve, has_tables, tabled

_PAGE = 1_000
_ENVIRONMENT = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


def fits(path: Path) -> bool:
    """Return whether a folder holds an experiment, or a file has the tables of MLflow."""
    return has_tables(path, "experiments", "runs", "latest_metrics") or any(path.glob("*/meta.yaml"))


def read(path: Path) -> Raw:
    """Return one row per run: run, run_id, experiment, status, its params.X and tags.X, and its last metrics.X."""
    if not fits(path):
        raise ValueError(
            _("{path} is no store of MLflow: name the folder mlruns itself, or its SQLite file.", path=path)
        )
    with _client(path) as client:
        names = {found.experiment_id: found.name for found in client.search_experiments()}
        runs = sorted(_runs(client, list(names)), key=lambda run: (run.info.start_time, run.info.run_id))
    rows = [
        {
            "run": run.info.run_name or run.info.run_id,
            "run_id": run.info.run_id,
            "experiment": names[run.info.experiment_id],
            "status": run.info.status,
        }
        | {f"params.{name}": value for name, value in sorted(run.data.params.items())}
        | {f"metrics.{name}": value for name, value in sorted(run.data.metrics.items())}
        | {f"tags.{name}": value for name, value in sorted(run.data.tags.items()) if not name.startswith("mlflow.")}
        for run in runs
    ]

    def curves(column: str, rows: Sequence[int]) -> list[Curve | None]:
        prefix, _dot, metric = column.partition(".")
        with _client(path) as client:
            found = []
            for run in (runs[row] for row in rows):
                there = prefix == "metrics" and metric in run.data.metrics
                points = client.get_metric_history(run.info.run_id, metric) if there else []
                points = sorted(points, key=lambda point: (point.step, point.timestamp))
                found.append(curve((point.step, point.value) for point in points))
            return found

    return Raw(kind="mlflow", source=str(path), table=tabled(path, rows), run="run", curves=curves)


def _runs(client: Any, experiments: Sequence[str]) -> Iterator[Any]:
    token = None
    while experiments:
        found = client.search_runs(experiments, max_results=_PAGE, page_token=token)
        yield from found
        token = found.token
        if not token:
            return


@contextmanager
def _client(path: Path) -> Iterator[Any]:
    """Lend a client of a copy, or of a folder of links: in the original it would create folders or tables."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with tempfile.TemporaryDirectory() as folder:
        if path.is_dir():
            for child in path.absolute().iterdir():
                if child.is_dir() and child.name != ".trash":
                    Path(folder, child.name).symlink_to(child)
            uri = Path(folder).as_uri()
        else:
            copy_sqlite(path, Path(folder, "copy"))
            uri = f"sqlite:///{folder}/copy"
        with by_package(path, "mlflow-skinny" if path.is_dir() else "mlflow", "mlflow") as (package,):
            yield package.MlflowClient(tracking_uri=uri, registry_uri=uri)


SOURCE = Source(title=_("MLflow stores (mlruns or SQLite)"), fits=fits, read=read)
