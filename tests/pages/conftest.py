"""Opens the app without a browser, on a store of its own."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from store.db.connection import Database
from store.home import open_database

FRAME = Path(__file__).parents[2] / "pages" / "frame.py"


@pytest.fixture(autouse=True)
def _main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    # A page run by AppTest stays behind as __main__, and every process that a later test starts would run it again.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    return open_database(tmp_path)


@pytest.fixture
def opened(db: Database) -> Callable[..., AppTest]:
    """Open the app at an address, on a store of its own."""

    def open_app(**params: str) -> AppTest:
        app = AppTest.from_file(FRAME, default_timeout=120)
        app.session_state["stood"] = True  # no browser will say that the curve stands
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return open_app
