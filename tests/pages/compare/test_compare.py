"""The page Compare, without a browser."""

from collections.abc import Callable
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.library import catalog, listing
from tests.homes import fresh
from tests.pages import made_up
from tests.pages.conftest import FRAME

Open = Callable[..., AppTest]
COMPARE = FRAME.parent / "compare.py"
CLEAN = SweepSpec.of({"dataset": "moons", "width": (2, 4)})
NOISY = SweepSpec.of({"dataset": "moons", "width": (2, 4), "label_noise": 0.2})
OTHER = SweepSpec.of({"dataset": "moons", "width": (2, 4), "label_noise": 0.2, "dropout": 0.1})


def clean_and_noisy(db: Database) -> None:
    made_up.train(db, CLEAN, "Clean")
    made_up.train(db, NOISY, "Noisy")


def compared(app: AppTest, *picked: SweepSpec) -> AppTest:
    return app.multiselect(key="compare.sweeps").set_value([sweep.key for sweep in picked]).run()


def test_without_saved_sweeps_the_page_says_what_to_do(opened: Open) -> None:
    app = opened(COMPARE)
    assert not app.exception
    assert "press Train in Explore" in app.info[0].value


def test_two_sweeps_stand_on_one_chart_with_the_setting_that_differs(opened: Open, db: Database) -> None:
    fresh(db.home, clean_and_noisy)
    app = compared(opened(COMPARE), CLEAN, NOISY)
    assert not app.exception
    assert len(app.get("bidi_component")) == 1
    assert not app.warning
    assert app.table[0].value.to_dict("index") == {"Label noise": {"Clean": "0", "Noisy": "0.2"}}
    assert app.query_params["sweeps"] == f"{CLEAN.key},{NOISY.key}"


def test_a_notice_says_when_more_than_one_setting_differs(opened: Open, db: Database) -> None:
    made_up.train(db, CLEAN, "Clean")
    made_up.train(db, OTHER, "Other")
    app = compared(opened(COMPARE), CLEAN, OTHER)
    assert "differ in 2 settings" in app.warning[0].value


def test_a_sweep_is_renamed_in_place_and_leaves_the_comparison_once_it_is_deleted(opened: Open, db: Database) -> None:
    fresh(db.home, clean_and_noisy)
    app = compared(opened(COMPARE), CLEAN, NOISY)
    app.text_input(key=f"name.{CLEAN.key}").set_value("Noisy").run()
    assert "is taken" in app.error[0].value
    app.text_input(key=f"name.{CLEAN.key}").set_value("Without noise").run()
    assert not app.error
    assert "Without noise" in app.multiselect(key="compare.sweeps").options
    catalog.delete(db, NOISY.key)  # elsewhere
    app.run()
    assert not app.exception
    assert app.multiselect(key="compare.sweeps").value == [CLEAN.key]


def test_going_to_explore_and_back_keeps_both_pages(opened: Open, db: Database) -> None:
    fresh(db.home, clean_and_noisy)
    app = opened(dataset="moons", width="2,4")
    app = compared(app.switch_page(str(COMPARE)).run(), CLEAN, NOISY)
    app.query_params.clear()
    app.switch_page(str(FRAME.parent / "explore.py")).run()
    assert app.text_input(key="knob.width").value == "2,4"
    app.query_params.clear()
    app.switch_page(str(COMPARE)).run()
    assert app.multiselect(key="compare.sweeps").value == [CLEAN.key, NOISY.key]


def test_what_is_archived_is_not_offered_but_stays_where_a_link_names_it(opened: Open, db: Database) -> None:
    fresh(db.home, clean_and_noisy)
    catalog.archive(db, NOISY.key, True)
    app = opened(COMPARE)
    assert app.multiselect(key="compare.sweeps").options == ["Clean"]
    app = opened(COMPARE, sweeps=f"{CLEAN.key},{NOISY.key}")
    assert not app.error
    assert app.multiselect(key="compare.sweeps").value == [CLEAN.key, NOISY.key]
    assert len(app.get("bidi_component")) == 1


def test_of_very_many_sweeps_those_searched_for_are_offered(
    opened: Open, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "titles", partial(listing.titles, most=2))
    for sweep, name in ((CLEAN, "Clean"), (NOISY, "Noisy"), (OTHER, "Other")):
        made_up.train(db, sweep, name)
    app = compared(opened(COMPARE), OTHER)
    assert sorted(app.multiselect(key="compare.sweeps").options) == ["Noisy", "Other"]
    app.text_input(key="compare.search").set_value("clean").run()
    assert app.multiselect(key="compare.sweeps").options == ["Other", "Clean"]
    app.multiselect(key="compare.sweeps").set_value([OTHER.key, CLEAN.key]).run()
    assert not app.exception
    assert app.query_params["sweeps"] == f"{OTHER.key},{CLEAN.key}"
