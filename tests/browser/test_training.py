"""Train, reload, pause and stop, as a visitor does it."""

import os
import signal
import time
from pathlib import Path

import pytest

from engine.queue.jobs import Queue
from tests.browser.conftest import Server, Visit, assert_all_pages_are_linked, press, serving
from tests.processes import servers, workers

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
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


def _seconds_until_no_job(server: Server) -> float:
    start = time.monotonic()
    while Queue(server.home).jobs():
        assert time.monotonic() - start < 60
        time.sleep(0.02)
    return time.monotonic() - start


def test_after_kill_9_of_app_and_workers_a_new_app_goes_on_with_the_job(tmp_path: Path, visit: Visit) -> None:
    """The first request to each app is a deep link: whether it is right then, no other test can tell."""
    sweep = "dataset=moons&width=2,4&seed=0,1&steps=50,200000&dataset_size=50"
    with serving(tmp_path) as first:
        page = visit(f"{first.url}/compare")
        page.get_by_text("Compare needs two saved sweeps").first.wait_for()
        assert_all_pages_are_linked(page)
        visit(f"{first.url}/?{sweep}")
        press(page, "Train 8 runs")
        page.wait_for_selector("[data-drawn] .trace")
        for pid in servers(tmp_path) | workers(tmp_path):
            os.kill(pid, signal.SIGKILL)
        with serving(tmp_path) as second:
            visit(f"{second.url}/?{sweep}")
            page.get_by_role("button", name="Stop").wait_for()
            assert_all_pages_are_linked(page)
            page.get_by_text("all cached, nothing to train").wait_for(timeout=200_000)
            page.wait_for_selector("[data-drawn] .trace")
            expect(page.get_by_role("button", name="All trained")).to_be_disabled()
