"""The page Explore, without a browser."""

import dataclasses
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

import engine.datasets.moons as moons
from engine.plan import memory
from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
from engine.spec import registry
from engine.spec.knob import Knob
from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from pages.ui import link
from store.db.connection import Database
from store.library import catalog, listing
from store.results import queries
from tests.homes import fresh
from tests.pages import made_up
from tests.pages.conftest import FRAME

Open = Callable[..., AppTest]


def opening(db: Database) -> None:
    made_up.train(db, link.preset(link.OPENING))


def cost_line(app: AppTest) -> str:
    return next(caption.value for caption in app.caption if caption.value.startswith("**"))


def charts(app: AppTest) -> int:
    return len(app.get("bidi_component"))


def test_the_first_visit_opens_on_the_opening_preset(opened: Open, db: Database) -> None:
    fresh(db.home, opening)
    app = opened()
    assert not app.exception
    assert not app.error
    assert charts(app) == 1
    assert app.selectbox(key="start").value == link.preset(link.OPENING).key
    assert cost_line(app).startswith("**33 runs:** all cached, nothing to train")
    assert app.button(key="train").disabled


def test_what_is_not_trained_has_a_price_before_it_is_trained(opened: Open, db: Database) -> None:
    sweep = SweepSpec.of({"width": (4, 8), "seed": (0, 1)})
    made_up.put(db, [made_up.result(run) for run in sweep.runs()[:1]])
    app = opened(dataset="digits", width="4,8", seed="0,1")
    assert cost_line(app).startswith("**4 runs:** 1 cached, 3 to train, about ")
    assert app.button(key="train").label == "Train 3 runs"


def test_a_bad_value_gets_one_sentence_and_nothing_can_be_started(opened: Open, db: Database) -> None:
    fresh(db.home, opening)
    app = opened()
    for knob, typed in (("lr", "nan"), ("width", "abc"), ("width", "1000000")):
        before = app.text_input(key=f"knob.{knob}").value
        app.text_input(key=f"knob.{knob}").set_value(typed).run()
        assert [error.value.startswith(f"{knob}={typed} is not possible; allowed: ") for error in app.error] == [True]
        assert app.button(key="train").disabled
        assert charts(app) == 1
        app.text_input(key=f"knob.{knob}").set_value(before)  # goes with the next
    app.run()
    assert not app.error


def test_a_grid_without_end_is_refused_without_being_made(opened: Open) -> None:
    app = opened(dataset="moons")
    app.text_input(key="knob.width").set_value("1..1000")
    app.text_input(key="knob.seed").set_value("0..9999").run()
    assert [error.value for error in app.error] == [
        "The grid has 10,000,000 runs; allowed: at most 10,000. Take fewer values."
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"width": "abc"},
        *(pytest.param(one, marks=pytest.mark.long) for one in ({"lr": "nan"}, {"nonsense": "1"}, {"x": "size"})),
        {"preset": "nobody"},
    ],
)
def test_a_broken_link_shows_one_sentence_until_a_value_is_changed_and_starts_nothing(
    opened: Open, params: dict[str, str]
) -> None:
    app = opened(**params)
    (name, value), *_ = params.items()
    assert not app.exception
    assert [f"{name}={value}" in error.value for error in app.error] == [True]
    app.text_input(key="knob.lr").set_value("0.01").run()
    assert not app.error


def test_a_link_fills_the_controls_and_the_view(opened: Open) -> None:
    app = opened(dataset="moons", width="4,6,8", label_noise="0.2", seed="0..9", x="params", y="loss", at="best")
    assert app.selectbox(key="knob.dataset").value == "moons"
    assert app.text_input(key="knob.width").value == "4,6,8"
    assert app.selectbox(key="knob.label_noise").value == "0.2"
    assert app.number_input(key="seed.count").value == 10
    assert app.session_state["explore.x"] == "params"
    assert app.selectbox(key="explore.at").value == "best"
    assert cost_line(app).startswith("**30 runs:**")


@pytest.mark.parametrize(
    ("dataset", "name"), [pytest.param("digits", "Accuracy", marks=pytest.mark.long), ("diabetes", "R²")]
)
def test_accuracy_is_a_measure_and_is_called_r_squared_in_a_regression(
    opened: Open, db: Database, dataset: str, name: str
) -> None:
    made_up.train(db, SweepSpec.of({"dataset": dataset, "dataset_size": 50, "width": (2, 4)}))
    app = opened(dataset=dataset, dataset_size="50", width="2,4", y="accuracy", at="best")
    assert not app.exception
    assert not app.error
    assert app.session_state["explore.y"] == "accuracy"
    assert list(app.selectbox(key="explore.y").options) == ["Error", name, "Loss"]
    assert charts(app) == 1


def test_a_changed_control_is_in_the_address(opened: Open) -> None:
    app = opened()
    assert app.query_params == {}
    app.selectbox(key="knob.label_noise").set_value("0").run()
    assert app.query_params["dataset"] == "digits"
    assert app.query_params["width"] == "4,6,8,12,16,24,32,64,128,256,512"
    assert "label_noise" not in app.query_params  # at its default


def test_ends_and_points_make_a_list_of_widths_a_count_that_of_seeds_and_knobs_are_shown_where_they_apply(
    opened: Open,
) -> None:
    app = opened(dataset="moons")
    assert not [box for box in app.selectbox if box.key == "knob.momentum"]
    app.text_input(key="width.to").set_value("64").run()
    app.text_input(key="width.points").set_value("3")
    app.number_input(key="seed.count").set_value(5)
    app.selectbox(key="knob.optimizer").set_value("sgd").run()
    assert app.text_input(key="knob.width").value == "16,32,64"
    assert app.text_input(key="knob.seed").value == "0..4"
    assert app.selectbox(key="knob.momentum").value == "0.9"
    app.text_input(key="width.from").set_value("abc").run()
    assert "width=abc" in app.error[0].value


def test_a_data_set_brings_its_own_knobs(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    twist = Knob(name="twist", kind=float, default=1.5, label="Twist", help="Of the moons.", group="Data", high=9.0)
    longer = dataclasses.replace(moons.DATASET, knobs=(*moons.DATASET.knobs, twist))
    monkeypatch.setattr(moons, "DATASET", longer)
    monkeypatch.setattr(registry, "options", registry.options.__wrapped__)  # past its cache
    app = opened(dataset="moons", twist="2,3")
    assert app.text_input(key="knob.twist").value == "2,3"
    assert cost_line(app).startswith("**2 runs:**")
    app.selectbox(key="knob.dataset").set_value("digits").run()
    assert not app.error
    assert not [box for box in app.text_input if box.key == "knob.twist"]


def test_rare_knobs_are_folded_away_until_one_is_changed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    rare = Knob(
        name="twist", kind=float, default=1.5, label="Twist", help="Of the moons.", group="Data", high=9.0, rare=True
    )
    monkeypatch.setattr(moons, "DATASET", dataclasses.replace(moons.DATASET, knobs=(*moons.DATASET.knobs, rare)))
    monkeypatch.setattr(registry, "options", registry.options.__wrapped__)  # past its cache
    app = opened(dataset="moons")
    assert not app.expander[0].proto.expanded
    app.text_input(key="knob.twist").set_value("2").run()
    assert app.expander[0].proto.expanded


def test_a_starting_point_fills_the_controls(opened: Open, db: Database) -> None:
    mine = SweepSpec.of({"dataset": "moons", "width": (2, 4), "dropout": 0.1})
    made_up.train(db, mine, "Mine")
    app = opened(dataset="moons")
    app.selectbox(key="start").set_value(mine.key).run()
    assert app.text_input(key="knob.width").value == "2,4"
    assert app.selectbox(key="knob.dropout").value == "0.1"
    assert app.query_params["dropout"] == "0.1"
    app.text_input(key="knob.lr").set_value("0.01").run()
    assert app.selectbox(key="start").value is None


def test_an_archived_sweep_is_no_starting_point_but_its_link_works(opened: Open, db: Database) -> None:
    mine = SweepSpec.of({"dataset": "moons", "width": (2, 4), "dropout": 0.1})
    made_up.train(db, mine, "Mine")
    address = {"dataset": "moons", "width": "2,4", "dropout": "0.1"}
    assert "Mine" in opened(**address).selectbox(key="start").options
    catalog.archive(db, mine.key, True)
    app = opened(**address)
    assert "Mine" not in app.selectbox(key="start").options
    assert not app.exception
    assert charts(app) == 1


def test_an_old_sweep_among_very_many_is_named_where_it_is_open(
    opened: Open, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "titles", partial(listing.titles, most=1))
    old = SweepSpec.of({"dataset": "moons", "width": (2, 4), "dropout": 0.1})
    made_up.train(db, old, "Old")
    made_up.train(db, SweepSpec.of({"dataset": "moons", "width": (2, 4), "dropout": 0.2}), "New")
    assert "Old" not in opened(dataset="moons").selectbox(key="start").options
    app = opened(dataset="moons", width="2,4", dropout="0.1")
    assert app.selectbox(key="start").value == old.key
    assert {"Old", "New"} <= set(app.selectbox(key="start").options)


def test_diverged_and_failed_runs_are_named(opened: Open, db: Database) -> None:
    first, second, third = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8)}).runs()
    results = [
        made_up.result(first),
        made_up.result(second, RunState.DIVERGED),
        made_up.result(third, RunState.FAILED, "Out of memory."),
    ]
    made_up.put(db, results)
    app = opened(dataset="moons", width="2,4,8")
    diverged, failed = (warning.value for warning in app.warning)
    assert diverged.startswith("1 run diverged: ")
    assert failed == "**1 run failed:**\n- width 8, seed 0: Out of memory."


def test_failed_runs_have_one_retry_that_queues_them_alone(
    opened: Open, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisor, "tend", lambda supervisor: None)  # nothing is to train here
    first, second, third, _ = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8, 16)}).runs()
    failed = [made_up.result(run, RunState.FAILED, "Out of memory.") for run in (second, third)]
    made_up.put(db, [made_up.result(first), *failed])
    app = opened(dataset="moons", width="2,4,8,16")
    assert [button.label for button in app.button if button.key == "retry"] == ["Retry"]
    assert app.button(key="train").label == "Train 3 runs"
    app.button(key="retry").click().run()
    assert not app.exception
    (job,) = Queue(db.home).jobs()
    assert job.runs == (second, third)
    assert not [warning for warning in app.warning if "failed" in warning.value]
    assert not [button for button in app.button if button.key == "retry"]
    assert set(queries.progress(db, [second, third])["state"]) == set()  # as if never begun


def test_what_cannot_fit_into_memory_is_refused_with_the_numbers(
    opened: Open, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda root: 2**30)
    settings = {"arch": "transformer", "dataset": "iris", "depth": "8"}
    app = opened(**settings, width="1024")
    (refused,) = (warning.value for warning in app.warning)
    assert re.fullmatch(
        r"transformer of width 1024 and depth 8 with batch size \d+ needs about \d\.\d GiB of memory, and this machine "
        r"has 1\.0 GiB: take a smaller width, depth or batch size, or close other programs\.",
        refused,
    )
    assert app.button(key="train").disabled
    app = opened(**settings, width="16")
    assert not app.warning
    assert not app.button(key="train").disabled


def test_a_store_that_cannot_be_opened_is_one_sentence(opened: Open, db: Database) -> None:
    db.file.write_text("This is not a database, and long enough to be looked at." * 100)
    app = opened()
    assert not app.exception
    assert len(app.error) == 1
    assert "move it aside" in app.error[0].value


def test_a_rerun_is_quick(opened: Open, db: Database) -> None:
    fresh(db.home, opening)
    app = opened()
    times = []
    for rate in ("0.006", "0.007"):
        start = time.perf_counter()
        app.text_input(key="knob.lr").set_value(rate).run()
        times.append(time.perf_counter() - start)
    print(f"a rerun takes {1000 * min(times):.0f} ms")
    assert min(times) < 2  # under 0.2 on a machine of its own; tests share theirs


def test_the_pages_never_import_torch(db: Database) -> None:
    code = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(FRAME)!r}, default_timeout=120).run()
app.switch_page({str(FRAME.parent / "compare.py")!r}).run()
assert not app.exception
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=FRAME.parents[1], check=False).returncode == 0
