"""Opens the app without a browser, on a store of its own."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.util import calc_hash

from store.db.connection import Database
from tests.homes import fresh

FRAME = Path(__file__).parents[2] / "pages" / "frame.py"


@pytest.fixture(autouse=True)
def _main_module(monkeypatch: pytest.MonkeyPatch) -> None:
    # A page run by AppTest stays behind as __main__, and every process that a later test starts would run it again.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session", autouse=True)
def _once_per_process() -> Iterator[None]:
    """Let apps share what a server does once: looking through all packages for components, compiling a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        scripts = ScriptCache()
        patch.setattr(local_script_runner, "ScriptCache", lambda: scripts)
        yield


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    return fresh(tmp_path)


@pytest.fixture
def opened(db: Database) -> Callable[..., AppTest]:
    """Open the app at an address, on a store of its own: the page of a file, else Explore; with some state."""

    def open_app(page: Path = FRAME, state: Mapping[str, object] = MappingProxyType({}), /, **params: str) -> AppTest:
        app = AppTest.from_file(FRAME, default_timeout=120)
        if page != FRAME:  # switch_page() knows the pages of an app that has run, so it would run the first before
            app._page_hash = calc_hash(page.stem)
        for key, chosen in {"stood": True, **state}.items():  # no browser will say that the curve stands
            app.session_state[key] = chosen
        for name, value in params.items():
            app.query_params[name] = value
        return app.run()

    return open_app
