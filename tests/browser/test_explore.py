"""What a visitor does with the chart, the controls and the address."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.conftest import CLEAN, NOISY, Server, Visit, assert_fits, unmoved

if TYPE_CHECKING:
    from playwright.sync_api import Page

CURVE = "[data-drawn] .scatterlayer .trace"
MEASURE = ".st-key-explore-y input"
PLOT = "document.querySelector('.js-plotly-plot')"
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


def choose(page: "Page", key: str, option: str) -> None:
    page.locator(f".st-key-{key} input").first.click()
    page.get_by_role("option", name=option).click()


def first_value(page: "Page") -> Any:
    return page.evaluate(f"{PLOT}.calcdata.at(-2)[0].y")


def test_zoom_outlives_new_data_in_the_same_chart_and_the_back_button_brings_the_old_back(
    server: Server, visit: Visit
) -> None:
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
    page.wait_for_url("**label_noise=0.2**")
    page.go_back()
    page.wait_for_url(lambda url: "label_noise=0.2" not in url)
    page.wait_for_function(f"{PLOT}.calcdata.at(-2)[0].y === {before}")


@pytest.mark.long
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
    visit(page.url)
    expect(rate).to_have_value("0.02")
    expect(page.locator(MEASURE)).to_have_value("Loss")


def test_the_curve_fits_a_phone(server: Server, visit: Visit) -> None:
    page = visit(server.url, (390, 844))
    page.wait_for_selector(CURVE)
    page.get_by_text("Size", exact=True).first.wait_for()
    assert_fits(page, "explore-light-390")


@pytest.mark.long
def test_a_broken_link_says_what_is_wrong_once_and_shows_what_can_be_had(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/?dataset=moons&width=2,4,8&seed=0,1&lr=nan")
    page.get_by_text("lr=nan is not possible; allowed: a number above 0 to 100.").wait_for()
    page.wait_for_selector(CURVE)
    expect(page.get_by_text("is not possible")).to_have_count(1)
    expect(page.get_by_text("6 runs:")).to_be_visible()


def test_compare_shows_two_sweeps_and_what_sets_them_apart_on_every_screen(server: Server, visit: Visit) -> None:
    page = visit(f"{server.url}/compare?sweeps={CLEAN.key}", color_scheme="dark")
    page.get_by_role("combobox").first.fill("Noisy moons")
    page.get_by_role("option", name="Noisy moons").click()
    page.keyboard.press("Escape")
    page.wait_for_selector(CURVE)
    page.get_by_role("table").get_by_text("Label noise").wait_for()
    expect(page.get_by_text("These sweeps differ in")).to_have_count(0)
    page.wait_for_url(lambda url: CLEAN.key in url and NOISY.key in url)
    assert_fits(page, "compare-dark-1280")
    visit(page.url, (390, 844))
    page.wait_for_selector(CURVE)
    page.wait_for_function(f"{PLOT}.data.filter(trace => trace.mode === 'lines+markers').length === 2")
    assert_fits(page, "compare-light-390")
