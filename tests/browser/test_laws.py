"""Scaling laws and verdict cards as a visitor sees them: from a link, and from Explore."""

import pytest

from engine.spec.sweep import SweepSpec
from store.home import open_database
from tests.browser.conftest import Server, Visit, assert_fits, unmoved
from tests.pages.laws.test_laws import train

SWEEP = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8, 16, 32, 64, 128, 256), "seed": (3, 4, 5)})
QUERY = "dataset=moons&arch=mlp&width=2,4,8,16,32,64,128,256&seed=3..5"


@pytest.fixture(scope="module")
def lawful(server: Server) -> Server:
    """The app with a sweep on a power law."""
    train(open_database(server.home), SWEEP)
    return server


@pytest.mark.long
def test_a_link_shows_the_law_and_fits_a_phone(lawful: Server, visit: Visit) -> None:
    page = visit(f"{lawful.url}/laws?{QUERY}&law=power-offset", (390, 844))
    chart = page.get_by_role("img", name="Power law above a floor")
    chart.locator(".scatterlayer .trace").first.wait_for()
    page.get_by_text("the law says").wait_for()
    page.get_by_text("Which law predicts the loss best").wait_for()
    assert_fits(page, "laws-light-390")


def test_a_card_under_the_curve_says_why_and_leads_to_the_law(lawful: Server, visit: Visit) -> None:
    page = visit(f"{lawful.url}/?{QUERY}", color_scheme="dark")
    page.get_by_role("textbox", name="Learning rate").wait_for()  # the controls come after the first curve
    card = page.locator("[class*=st-key-verdict-]").filter(has=page.get_by_role("link", name="Scaling laws"))
    unmoved(card)
    card.get_by_text("misses the mean curve").wait_for(state="hidden")
    card.get_by_text("Why").click()
    card.get_by_text("misses the mean curve").wait_for()
    card.get_by_role("link", name="Scaling laws").click()
    page.wait_for_url("**/laws?**law=power-offset**")
    page.get_by_role("img", name="Power law above a floor").locator(".scatterlayer .trace").first.wait_for()
