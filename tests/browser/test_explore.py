"""What a visitor does with the chart, the controls and the address."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.conftest import CLEAN, NOISY, Server, press, unmoved

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., "Page"]
CURVE = "[data-drawn] .scatterlayer .trace"
MEASURE = ".st-key-explore-y input"
PLOT = "document.querySelector('.js-plotly-plot')"
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def choose(page: "Page", key: str, option: str) -> None:
    page.locator(f".st-key-{key} input").first.click()
    page.get_by_role("option", name=option).click()


def first_value(page: "Page") -> Any:
    return page.evaluate(f"{PLOT}.calcdata.at(-2)[0].y")


def test_zoom_outlives_new_data_in_the_same_chart(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?dataset=moons&width=2,4,8&seed=0,1")
    page.wait_for_selector(CURVE)
    page.evaluate(f"{PLOT}.marked = true")
    box = unmoved(page.locator(".nsewdrag").first)
    before, whole = first_value(page), page.evaluate(f"{PLOT}.layout.xaxis.range[0]")
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 250, steps=5)
    page.mouse.up()
    page.wait_for_function(f"{PLOT}.layout.xaxis.range[0] !== {whole}")
    zoomed = page.evaluate(f"{PLOT}.layout.xaxis.range")
    choose(page, "start", "Noisy moons")
    page.wait_for_function(f"{PLOT}.calcdata.at(-2)[0].y !== {before}")
    assert page.evaluate(f"{PLOT}.layout.xaxis.range") == zoomed
    assert page.evaluate(f"{PLOT}.marked") is True


def test_a_changed_control_is_in_the_address_and_the_address_restores_it(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?dataset=moons&width=2,4,8&seed=0,1")
    page.wait_for_selector(CURVE)
    rate = page.get_by_role("textbox", name="Learning rate")
    rate.fill("0.02")
    rate.press("Enter")
    choose(page, "explore-y", "Loss")
    page.wait_for_url(lambda url: "y=loss" in url and "lr=" in url)
    asked = parse_qs(urlparse(page.url).query)
    assert asked["lr"] == ["0.02"]
    assert asked["width"] == ["2,4,8"]
    other = visit(page.url)
    expect(other.get_by_role("textbox", name="Learning rate")).to_have_value("0.02")
    expect(other.locator(MEASURE)).to_have_value("Loss")


def test_a_broken_link_says_what_is_wrong_once_and_shows_what_can_be_had(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?dataset=moons&width=2,4,8&seed=0,1&lr=nan")
    page.get_by_text("lr=nan is not possible; allowed: a number above 0 to 100.").wait_for()
    page.wait_for_selector(CURVE)
    expect(page.get_by_text("is not possible")).to_have_count(1)
    expect(page.get_by_text("6 runs:")).to_be_visible()


def test_the_chart_can_be_taken_along_as_svg(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.wait_for_selector(CURVE)
    unmoved(page.locator("[data-drawn]"))
    page.locator("[data-drawn]").hover()
    with page.expect_download() as download:
        page.locator("[data-title='Download plot as an SVG']").click()
    assert download.value.suggested_filename == "scalescope.svg"
    assert b"<svg" in download.value.path().read_bytes()[:200]


def test_the_table_of_runs_follows_the_curve(server: Server, visit: Visit) -> None:
    page = visit(server.url)
    page.get_by_test_id("stDataFrame").wait_for()
    with page.expect_download() as download:
        press(page, "Download all columns (CSV)")
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 34
    assert "test_error" in lines[0]


def test_compare_shows_two_sweeps_and_what_sets_them_apart(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/compare?sweeps={CLEAN.key}")
    page.get_by_role("combobox").first.fill("Noisy moons")
    page.get_by_role("option", name="Noisy moons").click()
    page.keyboard.press("Escape")
    page.wait_for_selector(CURVE)
    page.get_by_role("table").get_by_text("Label noise").wait_for()
    expect(page.get_by_text("These sweeps differ in")).to_have_count(0)
    page.wait_for_url(lambda url: CLEAN.key in url and NOISY.key in url)
    again = visit(page.url)
    again.wait_for_selector(CURVE)
    again.wait_for_function(f"{PLOT}.data.filter(trace => trace.mode === 'lines+markers').length === 2")


def test_the_back_button_brings_the_earlier_settings_back(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?dataset=moons&width=2,4,8&seed=0,1")
    page.wait_for_selector(CURVE)
    choose(page, "explore-y", "Loss")
    page.wait_for_url("**y=loss**")
    page.go_back()
    page.wait_for_url(lambda url: "y=loss" not in url)
    page.wait_for_function(f"document.querySelector('{MEASURE}').value === 'Error'")
