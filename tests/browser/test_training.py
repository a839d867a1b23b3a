"""Train, reload, lose app and workers, go on, pause and stop, as a visitor does it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from engine.queue.jobs import Queue
from engine.spec.sweep import parse_settings
from store.db.connection import Database
from store.results.spool import keys_with_result
from tests.browser.conftest import Visit, assert_all_pages_are_linked, press, serving
from tests.processes import servers, workers

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
SETTINGS = {"dataset": "moons", "width": "2,400", "seed": "0", "steps": "50,100000,1000000", "dataset_size": "50"}
"""Some runs end at once, some soon, and some not before they are stopped."""
RUNS = parse_settings(SETTINGS).runs()


def test_training_outlives_a_reload_and_kill_9_of_app_and_workers_and_stops_at_a_click(
    tmp_path: Path, visit: Visit
) -> None:
    """The first request to each app is a deep link: whether it is right then, no other test can tell."""
    query = urlencode(SETTINGS, safe=",")
    with serving(tmp_path) as first:
        page = visit(f"{first.url}/compare")
        page.get_by_text("Compare needs two saved sweeps").first.wait_for()
        assert_all_pages_are_linked(page)
        visit(f"{first.url}/?{query}")
        press(page, "Train 6 runs")
        page.get_by_role("button", name="Stop").wait_for()
        page.reload()
        page.get_by_role("button", name="Stop").wait_for()
        _wait_until(lambda: _trained(tmp_path) > 0)
        for pid in servers(tmp_path) | workers(tmp_path):
            os.kill(pid, signal.SIGKILL)
        before = _trained(tmp_path)
        assert 0 < before < len(RUNS)
        with serving(tmp_path) as second:
            visit(f"{second.url}/?{query}")
            page.get_by_role("button", name="Stop").wait_for()
            assert_all_pages_are_linked(page)
            _wait_until(lambda: _trained(tmp_path) > before)
            page.wait_for_selector("[data-drawn] .trace")
            press(page, "Pause")
            page.get_by_text("paused").wait_for()
            press(page, "Resume")
            page.get_by_role("button", name="Pause").wait_for()
            press(page, "Stop")
            _wait_until(lambda: not Queue(tmp_path).jobs())
            page.get_by_role("button", name=f"Train {len(RUNS) - _trained(tmp_path)} run").wait_for()


def _trained(home: Path) -> int:
    return len(keys_with_result(Database(home), RUNS, failed=False))


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
