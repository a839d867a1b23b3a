"""Optuna: the studies of an SQLite file or a journal file, a run for each trial; a copy is read, never the file."""

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from store.elsewhere import Curve, Raw, Source, begins, by_package, curve, tabled


def fits(path: Path) -> bool:
    """Return whether the file is an SQLite file with studies, or a journal."""
    return _is_journal(path) or _has_studies(path)


def read(path: Path) -> Raw:
    """Return a row per trial: run, study, number, state, value (or value_0, …), params_X and user_attrs_X."""
    if not fits(path):
        raise ValueError(f"{path} holds no study of Optuna; those are SQLite files and journals.")
    with tempfile.TemporaryDirectory() as folder, by_package(path, "optuna", "optuna") as (optuna,):
        copy = Path(folder, "copy")
        if _is_journal(path):
            shutil.copyfile(path, copy)
            storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(copy)))
        else:
            with closing(_opened(path)) as there, closing(sqlite3.connect(copy)) as made:
                there.backup(made)
            storage = optuna.storages.RDBStorage(f"sqlite:///{copy}")
        trials = [
            (study.study_name, trial)
            for study in storage.get_all_studies()
            for trial in storage.get_all_trials(study._study_id)
        ]
    rows = [_row(study, trial) for study, trial in trials]

    def curves(column: str, places: Sequence[int]) -> list[Curve | None]:
        if column != "value":
            return [None for _ in places]
        return [curve(sorted(trials[place][1].intermediate_values.items())) for place in places]

    return Raw(kind="optuna", source=str(path), table=tabled(path, rows), run="run", curves=curves)


def _row(study: str, trial: Any) -> dict[str, Any]:
    row = {"run": f"{study} {trial.number}", "study": study, "number": trial.number, "state": trial.state.name}
    values = trial.values or [None]
    row |= {"value": values[0]} if len(values) == 1 else {f"value_{i}": value for i, value in enumerate(values)}
    row |= {f"params_{name}": value for name, value in trial.params.items()}
    return row | {f"user_attrs_{name}": value for name, value in trial.user_attrs.items()}


def _is_journal(path: Path) -> bool:
    return begins(path, 16).startswith(b'{"op_code"')


def _has_studies(path: Path) -> bool:
    if not begins(path, 16).startswith(b"SQLite format 3"):
        return False
    try:
        with closing(_opened(path)) as con:
            found = con.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('studies', 'trials')").fetchone()
    except sqlite3.Error:
        return False
    return bool(found[0] == 2)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


SOURCE = Source(title="Optuna studies (SQLite or journal)", fits=fits, read=read)
