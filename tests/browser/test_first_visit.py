"""What a visitor sees first: the curve, deep links, every screen."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import SCREENSHOTS, Server, assert_all_pages_are_linked, assert_fits, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Visit = Callable[..., "Page"]
CURVE = "[data-drawn] .scatterlayer .trace"
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def test_the_curve_stands_without_a_click_and_without_scrolling(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.wait_for_selector(CURVE)
    print(f"curve after {page.evaluate('performance.now()'):.0f} ms")
    page.wait_for_function("document.querySelector('[data-drawn]').getBoundingClientRect().bottom < 800")
    expect(page.get_by_text("all cached, nothing to train")).to_be_visible()
    # It has a name for those who do not see it.
    chart = page.get_by_role("img", name="Line chart of test and train error against width")
    expect(chart).to_have_attribute("aria-label", re.compile("Lowest mean test error"))


def test_nothing_is_fetched_from_elsewhere(server: Server, browser: "Browser") -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    page.wait_for_selector(CURVE)
    page.context.close()
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


def test_a_deep_link_is_right_as_a_fresh_server_s_first_request(tmp_path: Path, visit: Visit) -> None:
    """So it is on the page Scaling laws in test_laws.py, and on Explore after all processes were killed."""
    (tmp_path / "home").mkdir()
    with serving(tmp_path / "home") as fresh:
        page = visit(f"{fresh.url}/compare")
        page.get_by_text("Compare needs two saved sweeps").first.wait_for()
        assert_all_pages_are_linked(page)


def test_the_streamlit_command_opens_on_the_results_that_ship(tmp_path: Path, visit: Visit) -> None:
    command = (str(Path(sys.executable).with_name("streamlit")),)
    with serving(tmp_path, command, gallery=True) as fresh:
        page = visit(fresh.url)
        page.wait_for_selector(CURVE)
        expect(page.get_by_text("33 runs: all cached")).to_be_visible()
        page.screenshot(path=SCREENSHOTS / "shipped.png")


@pytest.mark.parametrize(
    ("address", "scheme", "width"),
    [("", "light", 1280), ("", "dark", 1280), ("", "light", 390), ("compare", "dark", 1280), ("compare", "light", 390)],
)
def test_every_page_fits_every_screen(server: Server, visit: Visit, address: str, scheme: str, width: int) -> None:
    page = visit(f"{server.url}/{address}", (width, 800 if width > 600 else 844), scheme)
    page.get_by_text("Size", exact=True).first.wait_for()
    if not address:
        page.wait_for_selector(CURVE)
    assert_fits(page, width)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{address or 'explore'}-{scheme}-{width}.png")


def test_the_curve_keeps_to_its_place_when_the_sidebar_closes_and_opens(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.wait_for_selector(CURVE)
    page.get_by_text("Widths, one by one").wait_for()
    fits = "(host => Math.abs(host.querySelector('.main-svg').clientWidth - host.clientWidth) < 2)"
    page.wait_for_function(f"{fits}(document.querySelector('[data-drawn]'))")
    before = page.locator("[data-drawn]").evaluate("host => host.clientWidth")
    page.mouse.move(250, 25)  # the button shows under the pointer
    page.get_by_test_id("stSidebarCollapseButton").locator("button").click(force=True)
    page.wait_for_function(f"document.querySelector('[data-drawn]').clientWidth > {before + 50}")
    page.wait_for_function(f"{fits}(document.querySelector('[data-drawn]'))")
