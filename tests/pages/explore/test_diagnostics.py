"""What stands beneath the verdict cards on Explore: by size, and the check of the learning rate, without a browser."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
from engine.spec.result import RunResult
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.artifacts import packed
from engine.verdicts.decomposition import Parts
from engine.verdicts.flipped import Learned
from engine.verdicts.intervals import effect
from engine.verdicts.rates import ladder
from pages.ui.explore import diagnostics, report
from pages.ui.views import by_size
from store.db.connection import Database
from store.library.sweeps import save_sweep
from tests.pages import made_up

Open = Callable[..., AppTest]
SETTINGS: dict[str, Any] = {"dataset": "moons", "label_noise": 0.2, "width": (2, 4, 8), "seed": (0, 1)}
ADDRESS = {"dataset": "moons", "arch": "mlp", "label_noise": "0.2", "width": "2,4,8", "seed": "0..1"}


def answered(run: RunSpec) -> RunResult:
    """Return a run with the answers to its test set: class 0, surer with each seed, and a loss that falls with lr."""
    made = made_up.result(run)
    outputs = np.tile([0.5 + 0.1 * run.seed, 0.5 - 0.1 * run.seed], (2000, 1)).astype(np.float16)
    loss = 0.3 + 0.05 * np.log2(run.lr / 0.02) ** 2 + 0.001 * run.seed
    metrics = dict(made.metrics) | {"val_loss": (*made.metrics["val_loss"][:-1], loss)}
    kept = packed({"outputs": outputs, "answers": np.zeros(2000, dtype=np.int16)})
    return dataclasses.replace(made, metrics=metrics, predictions=kept)


@pytest.fixture
def explored(opened: Open, db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    monkeypatch.setattr(Supervisor, "tend", lambda supervisor: None)  # nothing is to train here
    monkeypatch.setattr(report, "chart", lambda *given, **named: True)  # no browser will say that it stands

    def open_with(**more: Any) -> AppTest:
        sweep = SweepSpec.of(SETTINGS | more)
        made_up.put(db, [answered(run) for run in sweep.runs()])
        save_sweep(db, sweep, "")
        return opened(**ADDRESS, **{name: str(value) for name, value in more.items()})

    return open_with


def said(app: AppTest) -> str:
    return " ".join(one.value for kind in (app.markdown, app.caption) for one in kind).replace("\\", "")


def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the words of the charts that are drawn from now on, by key."""
    charts: dict[str, str] = {}
    monkeypatch.setattr(diagnostics, "chart", lambda figure, key, alt, **named: charts.update({key: alt}))
    return charts


def test_by_size_is_computed_once_it_is_opened(
    explored: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    charts = drawn(monkeypatch)
    app = explored(data_seed=0)
    assert not app.exception
    assert not charts
    app.session_state[diagnostics.OPEN] = True
    app.run()
    assert not app.exception
    assert set(charts) == {"by-size-labels", "by-size-parts"}
    assert "wrong labels memorised" in charts["by-size-labels"]
    assert "variance 0.01 at 2, 0.01 at 8" in charts["by-size-parts"]


def test_where_seeds_share_no_test_set_it_says_what_to_set(
    explored: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    charts = drawn(monkeypatch)
    app = explored()
    app.session_state[diagnostics.OPEN] = True
    app.run()
    assert set(charts) == {"by-size-labels"}
    assert "e.g. data_seed=0" in said(app)


def test_the_ladder_of_rates_is_submitted_and_then_answers(explored: Callable[..., AppTest], db: Database) -> None:
    app = explored()
    assert "5 rates at widths 2, 4 and 8, 2 seeds each: 24 runs" in said(app)
    next(one for one in app.button if one.label == "Check the learning rate").click().run()
    assert not app.exception
    (job,) = Queue(db.home).jobs()
    assert {run.key for run in job.runs} < set(ladder(SweepSpec.of(SETTINGS)).run_keys)
    assert "Training what checks it" in said(app)
    made_up.put(db, [answered(run) for run in job.runs])
    Queue(db.home).stop(job.sweep_id)
    app.run()
    assert not app.exception
    assert "Check the learning rate" not in [one.label for one in app.button]
    assert "Wrong" in said(app)
    assert "the best on validation loss is 0.02 or beyond at width 2" in said(app)
    table = next(one.value for one in app.dataframe if "Best rate" in one.value)
    assert list(table["Width"]) == [2, 4, 8]
    assert list(table["Rate used"]) == ["0.005"] * 3


def test_a_share_that_one_seed_tells_has_no_bar_and_others_end_within_0_and_1() -> None:
    rows = [
        Learned(size=2, flipped=effect(np.array([0.1])), clean=effect(np.array([0.9]))),
        Learned(size=4, flipped=effect(np.array([0.1, 1.0])), clean=effect(np.array([0.7, 0.9]))),
    ]
    figure = by_size.labels(rows, "width")
    (dots,) = (one for one in figure.data if one.name == "wrong labels memorised" and one.mode == "markers")
    assert dots.error_y.array[0] == dots.error_y.arrayminus[0] == 0
    assert dots.y[1] + dots.error_y.array[1] == pytest.approx(1)
    assert dots.y[1] - dots.error_y.arrayminus[1] == pytest.approx(0)
    assert json.loads(figure.to_json())["layout"]["xaxis"]["tickvals"] == [2, 4]  # Plotly takes ticks as a list alone
    assert "wrong labels memorised 10 % at 2, 55 % at 4" in by_size.alt(figure)


def test_the_two_parts_stand_beside_their_sum() -> None:
    given = {"seeds": 3, "examples": 100}
    rows = [
        Parts(size=2, error=0.5, bias_squared=0.3, variance=0.2, **given),
        Parts(size=8, error=0.4, bias_squared=0.3, variance=0.1, **given),
    ]
    lines = [one for one in by_size.parts(rows, "depth", "predictions").data if one.mode == "lines"]
    assert [one.name for one in lines] == ["squared error", "bias²", "variance"]
    np.testing.assert_allclose(lines[0].y, lines[1].y + lines[2].y)
