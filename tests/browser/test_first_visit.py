"""What a visitor sees first, in one visit that all tests share: each leaves the page as it found it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import pytest

from tests.browser.conftest import Server, assert_all_pages_are_linked, assert_fits, press, unmoved, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Page

CURVE = "[data-drawn] .scatterlayer .trace"
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


@pytest.fixture(scope="module")
def opening(server: Server, tab: "Page") -> "Iterator[Page]":
    """The page as it opens; whatever it fetches from elsewhere, then or later, fails at the end."""
    with visiting(tab) as visit:
        page = visit(server.url)
        page.wait_for_selector(CURVE)
        print(f"curve after {page.evaluate('performance.now()'):.0f} ms")
        yield page


def test_the_curve_that_ships_stands_without_a_click_and_without_scrolling(opening: "Page") -> None:
    opening.wait_for_function("document.querySelector('[data-drawn]').getBoundingClientRect().bottom < 800")
    expect(opening.get_by_text("33 runs: all cached, nothing to train")).to_be_visible()
    # It has a name for those who do not see it.
    chart = opening.get_by_role("img", name="Line chart of test and train error against width")
    expect(chart).to_have_attribute("aria-label", re.compile("Lowest mean test error"))
    assert_all_pages_are_linked(opening)


def test_the_chart_can_be_taken_along_as_svg(opening: "Page") -> None:
    unmoved(opening.locator("[data-drawn]"))
    opening.locator("[data-drawn]").hover()
    with opening.expect_download() as download:
        opening.locator("[data-title='Download plot as an SVG']").click()
    assert download.value.suggested_filename == "scalescope.svg"
    assert b"<svg" in download.value.path().read_bytes()[:200]


def test_the_table_of_runs_follows_the_curve(opening: "Page") -> None:
    opening.get_by_test_id("stDataFrame").wait_for()
    with opening.expect_download() as download:
        press(opening, "Download all columns (CSV)")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 34
    assert "test_error" in lines[0]


def test_the_curve_keeps_to_its_place_when_the_sidebar_closes_and_opens(opening: "Page") -> None:
    opening.get_by_text("Widths, one by one").wait_for()
    chart = opening.locator("[data-drawn]")
    chart.scroll_into_view_if_needed()
    fits = "(host => Math.abs(host.querySelector('.main-svg').clientWidth - host.clientWidth) < 2)"
    opening.wait_for_function(f"{fits}(document.querySelector('[data-drawn]'))")
    before = chart.evaluate("host => host.clientWidth")
    opening.mouse.move(250, 25)  # the button shows under the pointer
    opening.get_by_test_id("stSidebarCollapseButton").locator("button").click(force=True)
    opening.wait_for_function(f"document.querySelector('[data-drawn]').clientWidth > {before + 50}")
    opening.wait_for_function(f"{fits}(document.querySelector('[data-drawn]'))")
    opening.get_by_test_id("stExpandSidebarButton").click()
    opening.wait_for_function(f"document.querySelector('[data-drawn]').clientWidth === {before}")
    opening.wait_for_function(f"{fits}(document.querySelector('[data-drawn]'))")


def test_it_fits_its_screen_and_goes_dark_with_it(opening: "Page") -> None:
    scheme: Literal["dark", "light"]
    for scheme, background in (("dark", "rgb(16, 21, 28)"), ("light", "rgb(255, 255, 255)")):
        opening.emulate_media(color_scheme=scheme)
        expect(opening.get_by_test_id("stApp")).to_have_css("background-color", background)
        assert_fits(opening, f"explore-{scheme}-1280")
