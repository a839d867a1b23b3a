"""Optuna: the studies in an SQLite file or a journal, a run for each trial, read from a copy of the file."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.base.language import _
from store.imports.sources.source import Curve, Raw, Source, begins, by_package, copy_sqlite, curve, has_tables, tabled


def fits(path: Path) -> bool:
    """Return whether the file is an SQLite file with studies, or a journal."""
    return _is_journal(path) or has_tables(path, "studies", "trials")


def read(path: Path) -> Raw:
    """Return one row per trial: run, study, number, state, value (or value_0, …), params_X and user_attrs_X."""
    if not fits(path):
        raise ValueError(_("{path} holds no study of Optuna; those are SQLite files and journals.", path=path))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        (shutil.copyfile if _is_journal(path) else copy_sqlite)(path, copy)
        with by_package(path, "optuna", "optuna") as (optuna,):
            if _is_journal(path):
                storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(copy)))
            else:
                storage = optuna.storages.RDBStorage(f"sqlite:///{copy}")
            trials = [
                (study.study_name, trial)
                for study in storage.get_all_studies()
                for trial in storage.get_all_trials(study._study_id)
            ]
    rows = [_row(study, trial) for study, trial in trials]

    def curves(column: str, rows: Sequence[int]) -> list[Curve | None]:
        if column != "value":
            return [None for _ in rows]
        return [curve(sorted(trials[row][1].intermediate_values.items())) for row in rows]

    return Raw(kind="optuna", source=str(path), table=tabled(path, rows), run="run", curves=curves)


def _row(study: str, trial: Any) -> dict[str, Any]:
    row = {"run": f"{study} {trial.number}", "study": study, "number": trial.number, "state": trial.state.name}
    values = trial.values or [None]
    row |= {"value": values[0]} if len(values) == 1 else {f"value_{i}": value for i, value in enumerate(values)}
    row |= {f"params_{name}": value for name, value in trial.params.items()}
    return row | {f"user_attrs_{name}": value for name, value in trial.user_attrs.items()}


def _is_journal(path: Path) -> bool:
    return begins(path, 16).startswith(b'{"op_code"')


SOURCE = Source(title=_("Optuna studies (SQLite or journal)"), fits=fits, read=read)
