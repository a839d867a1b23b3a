"""Starts the app on a free port and opens it in a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engine.queue.jobs import Queue
from engine.spec.sweep import SweepSpec
from store.home import open_database
from tests.pages import made_up

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Locator, Page, Request

Visit = Callable[..., "Page"]
"""Opens an address; see `visiting`."""
ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Commands of a Chromium; the first needs a third less time than a whole one without its windows."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--proxy-server=direct://",
]

STILL = """
new MutationObserver((_, observer) => {
  if (!document.head) return
  observer.disconnect()
  const style = document.createElement("style")
  style.textContent = "*, ::before, ::after { animation: none !important; transition: none !important }"
  document.head.append(style)
}).observe(document, { childList: true, subtree: true })
"""
"""Lets nothing blink or glide: a Chromium without a graphics card would spend a third of its time on that."""
PATIENCE = 60_000
"""Milliseconds to wait for what is to come: tests share their machine."""

CLEAN = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8), "seed": (0, 1)})
NOISY = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8), "seed": (0, 1), "label_noise": 0.2})


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running app and its home folder."""

    url: str
    home: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@contextmanager
def serving(
    home: Path, command: tuple[str, ...] = (sys.executable, "-m", "streamlit"), gallery: bool = False
) -> Iterator[Server]:
    """Run the app on a free port, with one worker, with what ships or without; at the end end its worker too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = (home / "server.log").open("wb")
    server = subprocess.Popen(
        [*command, "run", "app.py", f"--server.port={port}"],
        cwd=ROOT,
        env=os.environ
        | {"SCALESCOPE_HOME": str(home), "SCALESCOPE_WORKERS": "1"}
        | ({} if gallery else {"SCALESCOPE_GALLERY": str(home / "none")}),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_until_healthy(url, server)
        yield Server(url=url, home=home)
    finally:
        queue = Queue(home)
        for job in queue.jobs():
            queue.remove(job.id)
        server.terminate()
        server.wait(60)
        log.close()
    assert "Traceback" not in (home / "server.log").read_text()


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with opener.open(f"{url}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("The server did not start.")


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("chromium is not installed")
    playwright.expect.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=found, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, browser: "Browser") -> Iterator[Server]:
    """An app as the command streamlit starts it, with the results that ship and two more sweeps."""
    home = tmp_path_factory.mktemp("home")
    with serving(home, (str(Path(sys.executable).with_name("streamlit")),), gallery=True) as running:
        db = open_database(home)
        for sweep, name in ((CLEAN, "Clean moons"), (NOISY, "Noisy moons")):
            made_up.train(db, sweep, name)
        yield running


def press(page: "Page", name: str, role: Any = "button") -> None:
    """Click what keeps its place: a widget that moves between press and release is not clicked."""
    widget = page.get_by_role(role, name=name)
    unmoved(widget)
    widget.click()


def unmoved(widget: "Locator") -> Any:
    """Wait until the widget has kept its place for half a second; return this place: x, y, width and height."""
    place, since = widget.bounding_box(), time.monotonic()
    while place is None or time.monotonic() - since < 0.5:
        widget.page.wait_for_timeout(100)
        if (now := widget.bounding_box()) != place:
            place, since = now, time.monotonic()
    return place


def drawn(page: "Page") -> None:
    """Wait until the page has kept its size for half a second and Streamlit runs nothing any more."""
    page.locator("[data-test-script-state=notRunning]").first.wait_for()
    unmoved(page.get_by_test_id("stMainBlockContainer"))


def assert_fits(page: "Page", name: str) -> None:
    """Look whether the page, once drawn, needs no scrolling sideways; leave a picture of it to look at."""
    drawn(page)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def assert_all_pages_are_linked(page: "Page") -> None:
    """Look whether the other pages can be reached: on a fresh server's first request they have been missing."""
    for name in ("Explore", "Compare"):
        page.get_by_role("link", name=name).first.wait_for()


@pytest.fixture(scope="session")
def tab(browser: "Browser") -> "Page":
    """The page of all visits: another would take seconds to parse Streamlit's scripts anew."""
    context = browser.new_context(reduced_motion="reduce")
    context.add_init_script(STILL)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    return page


@contextmanager
def visiting(page: "Page") -> Iterator[Visit]:
    """Open one address after another, in some size and color scheme.

    None may end with an error, open a dialog or fetch anything from elsewhere.
    """
    unwanted: list[str] = []

    def failed(error: object) -> None:
        unwanted.append(str(error))

    def asked(request: "Request") -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            unwanted.append(request.url)

    def opened(dialog: "Dialog") -> None:
        unwanted.append(dialog.message)
        dialog.dismiss()

    heard: dict[Any, Any] = {"pageerror": failed, "request": asked, "dialog": opened}

    def go(url: str, size: tuple[int, int] = (1280, 800), color_scheme: Any = "light") -> "Page":
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=color_scheme)
        page.goto(url)
        return page

    for event, listener in heard.items():
        page.on(event, listener)
    yield go
    assert page.get_by_text("Traceback").count() == 0
    page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    for event, listener in heard.items():
        page.remove_listener(event, listener)
    assert unwanted == []


@pytest.fixture
def visit(tab: "Page") -> Iterator[Visit]:
    """What opens an address; see `visiting`."""
    with visiting(tab) as go:
        yield go
