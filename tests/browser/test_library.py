"""What a visitor does with saved sweeps: find, open, mark, take along, delete; on every screen."""

import re
from typing import TYPE_CHECKING

import pytest

from engine.spec.sweep import SweepSpec
from store.home import open_database
from store.library import catalog, sweeps
from tests.browser.conftest import CLEAN, NOISY, Server, Visit, assert_fits, drawn, press, unmoved
from tests.pages import made_up
from tests.pages.library.test_library import ODD

if TYPE_CHECKING:
    from playwright.sync_api import Page

SPOILT = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8), "seed": (0, 1), "label_noise": 0.1})
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect


@pytest.fixture(scope="module")
def shelf(server: Server) -> Server:
    """The app with many more sweeps, one of them to be deleted."""
    db = open_database(server.home)
    made_up.train(db, SPOILT, "Spoilt moons")
    for width in range(20):
        sweep = SweepSpec.of({"dataset": "moons", "width": (30 + width, 60), "seed": 3})
        sweeps.save_sweep(db, sweep, f"Sweep {width:02}")
    catalog.add_tags(db, SPOILT.key, ["paper"])
    return server


def tick(page: "Page", row: int) -> None:
    """Tick a row of the table, the first being 0."""
    grid = page.get_by_test_id("stDataFrame")
    drawn(page)
    box = unmoved(grid)
    rows = page.locator("[data-testid=stDataFrame] [role=row]").count()
    height = box["height"] / rows
    page.mouse.click(box["x"] + 16, box["y"] + height * (row + 1.5))


def test_a_sweep_is_found_opened_marked_taken_along_and_deleted(shelf: Server, visit: Visit) -> None:
    page = visit(f"{shelf.url}/library", (1400, 900))
    before = int(page.get_by_text(re.compile(r"^1–15 of \d+ sweeps")).inner_text().split()[2])
    page.get_by_role("searchbox", name="Search").fill("spoilt MOONS")
    page.get_by_text("1 sweep.").wait_for()
    page.wait_for_url("**text=spoilt**")
    tick(page, 0)
    page.get_by_role("link", name="Open in Explore").wait_for()
    assert_fits(page, "library-light-1400")
    page.get_by_role("link", name="Open in Explore").click()
    page.wait_for_selector("[data-drawn] .scatterlayer .trace")
    expect(page.get_by_role("combobox", name="Start from")).to_have_value("Spoilt moons")
    page.go_back()  # to the table with the same row ticked
    name = page.get_by_role("textbox", name="Name")
    expect(name).to_have_value("Spoilt moons")
    drawn(page)
    name.fill("A tenth wrong")
    name.press("Enter")
    page.get_by_text("No saved sweep has all of this").wait_for()  # it is called otherwise now
    page.get_by_role("searchbox", name="Search").fill("tenth")
    page.get_by_text("1 sweep. 1 ticked").wait_for()
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").click()
    assert download.value.suggested_filename == f"scalescope-{SPOILT.key[:8]}.scalescope"
    assert download.value.path().read_bytes()[:4] == b"PAR1"
    press(page, "Delete…")
    page.get_by_text("This removes this sweep and 6 results of its runs.").wait_for()
    press(page, "Delete for good")
    page.get_by_text("Removed: 1 sweep and 6 results of its runs.").wait_for()
    page.get_by_role("searchbox", name="Search").fill("")
    page.get_by_text(f"1–15 of {before - 1} sweeps").wait_for()


def test_a_name_full_of_markup_is_shown_to_the_letter_and_fetches_nothing(shelf: Server, visit: Visit) -> None:
    db = open_database(shelf.home)
    sweeps.rename_sweep(db, CLEAN.key, ODD)
    catalog.set_note(db, CLEAN.key, ODD)
    page = visit(f"{shelf.url}/library?text=evil.example", (1400, 900), "dark")
    tick(page, 0)
    name = page.get_by_role("textbox", name="Name")
    expect(name).to_have_value(ODD)
    assert_fits(page, "library-dark-1400")
    page.goto(f"{shelf.url}/compare?sweeps={CLEAN.key},{NOISY.key}")
    page.wait_for_selector("[data-drawn] .scatterlayer .trace")
    drawn(page)
    assert page.locator("img[src*=evil], a[href*=evil]").count() == 0  # visit hears what is fetched from elsewhere
    sweeps.rename_sweep(db, CLEAN.key, "Clean moons")


@pytest.mark.long
def test_the_library_fits_a_phone(shelf: Server, visit: Visit) -> None:
    page = visit(f"{shelf.url}/library", (390, 844))
    tick(page, 1)
    page.get_by_role("link", name="Open in Explore").wait_for()
    assert_fits(page, "library-light-390")


def test_a_sweep_is_ticked_and_its_panel_reached_without_a_mouse(shelf: Server, visit: Visit) -> None:
    page = visit(f"{shelf.url}/library?text=sweep+07")
    unmoved(page.get_by_test_id("stDataFrame"))
    drawn(page)
    press_until(page, "document.activeElement.tagName === 'CANVAS'", "Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    page.get_by_text("1 ticked").wait_for()
    page.get_by_role("link", name="Open in Explore").wait_for()
    drawn(page)
    press_until(page, "document.activeElement.innerText.includes('Open in Explore')", "Tab")
    page.keyboard.press("Enter")
    page.get_by_text("2 runs:").wait_for()


def press_until(page: "Page", holds: str, key: str) -> None:
    for _ in range(40):
        if page.evaluate(holds):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{holds} is not reached by {key}.")
