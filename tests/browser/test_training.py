"""Train, reload, pause and stop, as a visitor does it."""

import os
import signal
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

from engine.queue.jobs import Queue
from engine.spec.sweep import parse_settings
from store.db.connection import Database
from store.results.spool import keys_with_result
from tests.browser.conftest import Server, Visit, assert_all_pages_are_linked, press, serving
from tests.processes import servers, workers

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
KILLED = {"dataset": "moons", "width": "2,4", "seed": "0", "steps": "50,100000", "dataset_size": "50"}
LONG = "dataset=moons&width=400,500&seed=0,1&steps=1000000&dataset_size=60"


def test_training_outlives_a_reload_and_stops_at_a_click(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?{LONG}")
    press(page, "Train 4 runs")
    page.wait_for_selector("[data-drawn] .trace")
    page.reload()
    press(page, "Pause")
    page.get_by_text("paused").wait_for()
    press(page, "Resume")
    page.get_by_role("button", name="Pause").wait_for()
    press(page, "Stop")
    print(f"stopped after {_seconds_until_no_job(server):.2f} s")  # under one on a machine of its own
    page.get_by_role("button", name="Train 4 runs").wait_for()


def _trained(home: Path) -> set[str]:
    return keys_with_result(Database(home), parse_settings(KILLED).runs(), failed=False)


def _seconds_until_no_job(server: Server) -> float:
    start = time.monotonic()
    while Queue(server.home).jobs():
        assert time.monotonic() - start < 60
        time.sleep(0.02)
    return time.monotonic() - start


def test_after_kill_9_of_app_and_workers_a_new_app_goes_on_with_the_job(tmp_path: Path, visit: Visit) -> None:
    """The first request to each app is a deep link: whether it is right then, no other test can tell."""
    query = urlencode(KILLED, safe=",")
    with serving(tmp_path) as first:
        page = visit(f"{first.url}/compare")
        page.get_by_text("Compare needs two saved sweeps").first.wait_for()
        assert_all_pages_are_linked(page)
        visit(f"{first.url}/?{query}")
        press(page, "Train 4 runs")
        start = time.monotonic()
        while not _trained(tmp_path):
            assert time.monotonic() - start < 120
            time.sleep(0.1)
        for pid in servers(tmp_path) | workers(tmp_path):
            os.kill(pid, signal.SIGKILL)
        assert 0 < len(_trained(tmp_path)) < 4
        with serving(tmp_path) as second:
            visit(f"{second.url}/?{query}")
            page.get_by_role("button", name="Stop").wait_for()
            assert_all_pages_are_linked(page)
            page.get_by_text("all cached, nothing to train").wait_for(timeout=200_000)
            page.wait_for_selector("[data-drawn] .trace")
            expect(page.get_by_role("button", name="All trained")).to_be_disabled()
