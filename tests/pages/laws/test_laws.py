"""The page Scaling laws, without a browser: what it shows of sweeps, collections and tables, and what it says no to."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.spec.count import count
from engine.spec.registry import preset
from engine.spec.result import METRICS, RunResult, RunState
from engine.spec.run import RunSpec, train_flops
from engine.spec.sweep import SweepSpec, knobs_for
from pages.ui.laws import choosing, fits
from pages.ui.laws import question as asking
from pages.ui.laws.question import Asked
from store.db.connection import Database
from store.imports import collections
from store.imports.collections import Collection, ImportedRun
from store.library.sweeps import save_sweep
from tests.homes import fresh
from tests.pages import made_up
from tests.pages.conftest import FRAME

Open = Callable[..., AppTest]
LAWS = FRAME.parent / "laws.py"
SWEEP = SweepSpec.of({"dataset": "moons", "width": (2, 4, 8, 16, 32, 64, 128, 256), "seed": (0, 1, 2)})
ADDRESS = {"dataset": "moons", "arch": "mlp", "width": "2,4,8,16,32,64,128,256", "seed": "0..2"}


def result(run: RunSpec) -> RunResult:
    """Return a run whose losses are on a power law above a floor, and a little with the seed."""
    size = count(run).params
    loss = (0.5 + 4 * size**-0.5) * (1 + 0.001 * run.seed) + 0.1 * run.label_noise
    metrics = {name: (1.0, loss if name.endswith("loss") else 0.1) for name in METRICS}
    return RunResult(
        spec=run,
        state=RunState.FINISHED,
        steps=(1, run.steps),
        metrics=metrics,
        params=size,
        params_non_embedding=size,
        train_flops=train_flops(run),
        seconds=0.1,
        device="cpu",
        error="",
    )


def train(db: Database, sweep: SweepSpec) -> None:
    made_up.put(db, [result(run) for run in sweep.runs()])
    save_sweep(db, sweep, "")


def trained(db: Database) -> None:
    train(db, SWEEP)


def collection(db: Database) -> str:
    """Keep runs at three budgets, each with its minimum between the sizes."""
    runs = []
    for compute in (1e9, 1e10, 1e11):
        for size in np.geomspace(0.1, 10, 7) * 2e3 * (compute / 1e9) ** 0.5:
            loss = 1.5 + 40 * size**-0.4 + 40 * (compute / 6 / size) ** -0.4
            runs.append(ImportedRun(name=f"{compute:g} {size:g}", size=size, compute=compute, loss=loss))
    kept = Collection(kind="csv", source="grid.csv", size_is="params", data_is="", mapping={}, runs=tuple(runs))
    return collections.save(db, kept)[0]


@pytest.fixture
def page(opened: Open, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open the page, which compares two laws: each more is a second of fitting."""
    monkeypatch.setattr(fits, "comparable", lambda rows: ("flat", "power"))
    return partial(opened, LAWS)


def said(app: AppTest) -> str:
    kinds = (app.warning, app.info, app.error, app.markdown, app.caption)
    return " ".join(one.value for kind in kinds for one in kind).replace("\\", "")


def charts(app: AppTest) -> int:
    return len(app.get("bidi_component"))


def test_a_sweep_shows_its_law_with_interval_back_test_and_forecast(
    page: Open, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "comparable", lambda rows: ("flat", "power", "power-offset"))
    fresh(db.home, trained)
    app = page(**ADDRESS, law="power-offset")
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert charts(app) == 2
    estimates = app.table[0].value.set_index("")
    assert float(estimates.loc["alpha", "Estimate"]) == pytest.approx(0.5, abs=0.02)
    assert [metric.label for metric in app.metric] == ["Unseen", "Seen", "Flat line"]
    assert "Fitted without the 2 largest sizes (6 runs)" in said(app)
    assert "10 × the largest seen, the law says **0.5" in said(app)
    ranked = app.dataframe[-1].value["Law"].to_list()
    assert ranked.index("Power law above a floor (shown)") < ranked.index("A flat line")
    assert dict(app.query_params) == {"law": "power-offset"} | ADDRESS


def test_what_a_law_cannot_say_is_refused_in_words_and_nothing_is_forecast(page: Open, db: Database) -> None:
    fresh(db.home, trained)
    app = page(**ADDRESS | {"width": "16,32,64"}, law="power")
    assert "These runs do not support this law." in said(app)
    assert "less than one does not support an exponent" in said(app)
    assert "No answer: " in said(app)
    app = page(**ADDRESS | {"width": "16"}, law="power-offset")
    assert not app.exception
    assert "No fit." in said(app)
    assert charts(app) == 1


def test_a_law_of_budgets_says_what_to_train_with_ten_times_the_compute(page: Open, db: Database) -> None:
    app = page(imported=collection(db), law="isoflop")
    assert not app.exception
    assert charts(app) == 3
    plan = next(table.value for table in app.table if "Best" in table.value)
    assert plan[""].to_list() == ["Size (params)", "Data (examples or tokens, as C/6N)", "Loss"]
    assert "1.0e12 FLOPs, 10 × the most that was seen" in said(app)
    app.segmented_control(key="laws.more").set_value(2).run()
    assert "2.0e11 FLOPs, 2 × the most" in said(app)
    assert app.query_params["more"] == "2"
    app.selectbox(key="laws.law").set_value("chinchilla").run()
    assert not app.exception
    assert "Which law predicts the loss best" in said(app)
    app.selectbox(key="laws.law").set_value("envelope").run()
    assert "An envelope needs curves of at least two sizes" in said(app)


def test_other_knobs_make_several_curves_of_which_one_is_fitted(page: Open, db: Database) -> None:
    noisy = SweepSpec.of(dict(SWEEP.settings) | {"label_noise": (0.0, 0.2)})
    train(db, noisy)
    app = page(**ADDRESS, label_noise="0,0.2", law="power", curve="label noise 0.2")
    assert app.selectbox(key="laws.curve").options == ["label noise 0", "label noise 0.2"]
    assert app.selectbox(key="laws.curve").value == "label noise 0.2"
    assert "24 rows of 24 runs" in said(app)


def test_a_pasted_table_is_fitted_and_is_not_in_the_address(page: Open) -> None:
    app = page(**{"from": "table"})
    assert "the address cannot name it" in said(app)
    rows = [f"{size:.0f}\t{1 + 9 * size**-0.3:.6f}" for size in np.geomspace(1e3, 1e6, 8)]
    app.text_area(key="laws.pasted").set_value("\n".join(["n_params\tval_loss", *rows, "5\tnan"])).run()
    assert not app.exception
    assert app.selectbox(key="laws.loss").value == "val_loss"
    assert "1 row is left out: a value is missing" in said(app)
    assert dict(app.query_params) == {"from": "table", "law": "power"}
    app.text_area(key="laws.pasted").set_value("n,loss\n1,two").run()
    assert not app.exception
    assert "loss='loss' holds what is no number in row 2" in said(app)


def test_what_is_shown_first_has_results(page: Open, db: Database) -> None:
    first, last = choosing.FIRST
    assert page().session_state["laws.law"] == last["law"]
    train(db, SweepSpec.of(preset("characters-compute").settings | {"seed": 0}))
    assert page().session_state["laws.law"] == first["law"]


def test_a_sweep_without_results_leads_to_explore(page: Open) -> None:
    app = page(**ADDRESS)
    assert not app.exception
    assert "Open it in Explore and press Train" in said(app)


def test_the_page_says_what_an_address_asks_that_cannot_be_had(page: Open, db: Database) -> None:
    fresh(db.home, trained)
    app = page(**ADDRESS, law="wishful", more="7", nothing="1")
    assert not app.exception
    assert "law=wishful is not possible; allowed: one of flat, power" in said(app)
    assert "more=7 is not possible" in said(app)
    assert "nothing" in said(app)
    assert app.selectbox(key="laws.law").value == "power"
    assert "imported=x is not an imported collection here." in said(page(imported="x"))


def test_links_say_all_that_is_asked_and_no_name_is_that_of_a_setting() -> None:
    full = Asked(law="broken", y="val_error", n="params_non_embedding", d="flops", curve="a", breaks=2, drop=3, more=2)
    assert asking.read(asking.written(full)) == (full, [])
    assert asking.written(replace(full, **vars(Asked()))) == {"law": "power"}
    assert not set(asking.NAMES) & set(knobs_for({"dataset": ("digits", "parity"), "arch": ("mlp", "transformer")}))
    assert all(asking.read(dict(first))[1] == [] for first in choosing.FIRST)
