"""Scaling laws and verdict cards as a visitor sees them: from a link on a fresh server, and from Explore."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from store.home import open_database
from tests.browser.conftest import SCREENSHOTS, Server, assert_fits, serving, unmoved
from tests.pages.laws.test_laws import ADDRESS, SWEEP, train

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., "Page"]
QUERY = "&".join(f"{name}={value}" for name, value in ADDRESS.items())


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, browser: object) -> Iterator[Server]:
    """An app that nobody has visited, whose store has a sweep on a power law."""
    home = tmp_path_factory.mktemp("laws")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALESCOPE_GALLERY", str(home / "none"))
        train(open_database(home), SWEEP)
    with serving(home) as running:
        yield running


def test_a_link_shows_the_law_and_fits_a_phone(fresh: Server, visit: Visit) -> None:
    page = visit(f"{fresh.url}/laws?{QUERY}&law=power-offset", (390, 844))
    chart = page.get_by_role("img", name="Power law above a floor")
    chart.locator(".scatterlayer .trace").first.wait_for()
    page.get_by_text("the law says").wait_for()
    page.get_by_text("Which law predicts the loss best").wait_for()
    assert_fits(page, 390)
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "laws-light-390.png")


def test_a_card_under_the_curve_says_why_and_leads_to_the_law(fresh: Server, visit: Visit) -> None:
    page = visit(f"{fresh.url}/?{QUERY}", color_scheme="dark")
    page.get_by_role("textbox", name="Learning rate").wait_for()  # the controls come after the first curve
    card = page.locator("[class*=st-key-verdict-]").filter(has=page.get_by_role("link", name="Scaling laws"))
    unmoved(card)
    card.get_by_text("misses the mean curve").wait_for(state="hidden")
    card.get_by_text("Why").click()
    card.get_by_text("misses the mean curve").wait_for()
    card.get_by_role("link", name="Scaling laws").click()
    page.wait_for_url("**/laws?**law=power-offset**")
    page.get_by_role("img", name="Power law above a floor").locator(".scatterlayer .trace").first.wait_for()
