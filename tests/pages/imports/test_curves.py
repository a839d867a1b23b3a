"""Imported collections on the page Compare, beside sweeps and alone."""

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.spec.sweep import SweepSpec
from pages.ui.imports import curves
from pages.ui.summary import View
from pages.ui.views import size_curve, size_words
from store.db.connection import Database
from store.imports import collections
from store.imports.collections import Collection, ImportedRun
from tests.pages import made_up
from tests.pages.conftest import FRAME

Open = Callable[..., AppTest]
COMPARE = FRAME.parent / "compare.py"
SWEEP = SweepSpec.of({"dataset": "moons", "width": (2, 4)})
LOSS = View(x="params", y="loss", show=("test",))


def keep(db: Database, name: str = "Theirs", **fields: str) -> str:
    runs = [
        ImportedRun(
            name=f"{size} {seed}", size=size, seed=seed, loss=None if (size, seed) == (30, 1) else 1 / size + seed
        )
        for size in (10.0, 20.0, 30.0)
        for seed in (0, 1)
    ]
    usual = {"kind": "csv", "source": "theirs.csv", "size_is": "params", "data_is": ""} | fields
    return collections.save(db, Collection(**usual, mapping={}, runs=tuple(runs)), name)[0]


def compared(app: AppTest, sweeps: list[str], brought: list[str]) -> AppTest:
    app.multiselect(key="compare.sweeps").set_value(sweeps)
    return app.multiselect(key="compare.imports").set_value(brought).run()


def test_a_collection_stands_beside_a_sweep_and_says_that_it_was_imported(opened: Open, db: Database) -> None:
    made_up.train(db, SWEEP, "Ours")
    key = keep(db)
    app = compared(opened(COMPARE, x="params", y="loss"), [SWEEP.key], [key])
    app.segmented_control(key="compare.x").set_value("params")
    app.selectbox(key="compare.y").set_value("loss").run()
    assert not app.exception
    assert not app.info
    assert app.multiselect(key="compare.imports").options == ["Theirs (imported)"]
    assert len(app.get("bidi_component")) == 1
    assert "not trained here" in " ".join(caption.value for caption in app.caption)
    assert app.dataframe[-1].value["lost"].to_list() == [1]
    assert app.query_params["imports"] == key


def test_a_link_names_collections_and_says_which_are_not_here(opened: Open, db: Database) -> None:
    key = keep(db)
    app = opened(COMPARE, imports=f"{key},nothing")
    assert app.multiselect(key="compare.imports").value == [key]
    assert "imports=nothing is not an imported collection here." in [error.value for error in app.error]


@pytest.mark.parametrize(
    ("view", "size_is", "words"),
    [
        ({"y": "error"}, "params", "has a loss and no error"),
        ({"x": "width"}, "params", "its sizes are params, not width"),
        pytest.param({"x": "ratio"}, "params", "does not say params and training examples", marks=pytest.mark.long),
        pytest.param({"x": "params"}, "width", "its sizes are width, not params", marks=pytest.mark.long),
    ],
)
def test_what_a_collection_lacks_is_said(
    opened: Open, db: Database, view: dict[str, str], size_is: str, words: str
) -> None:
    key = keep(db, size_is=size_is)
    app = compared(opened(COMPARE), [], [key])
    for name, value in ({"x": "params", "y": "loss"} | view).items():
        (app.segmented_control if name == "x" else app.selectbox)(key=f"compare.{name}").set_value(value)
    app.run()
    assert not app.exception
    assert words in " ".join(info.value.replace("\\", "") for info in app.info)


def test_a_deleted_collection_leaves_the_page(opened: Open, db: Database) -> None:
    first, second = keep(db), keep(db, size_is="width", name="Others")
    app = compared(opened(COMPARE), [], [first, second])
    collections.delete(db, first)
    app.run()
    assert not app.exception
    assert app.multiselect(key="compare.imports").value == [second]


def test_means_and_dots_are_those_of_the_seeds_and_names_are_letter_for_letter(db: Database) -> None:
    runs = collections.runs_of(db, keep(db, name="<b>x</b>"), curves=False)
    table = curves.table("<b>x</b>", "params", runs, LOSS)
    figure = size_curve.size_curve(table.assign(series=[*table["series"][:-1], "other"]), LOSS, ())
    line = next(trace for trace in figure.data if "lines+markers" in trace.mode)
    assert line.name == "&lt;b&gt;x&lt;/b&gt; (imported)"
    assert np.allclose(line.y, [0.6, 0.55, 1 / 30])
    assert figure.layout.title.text == "Loss"
    assert "n = 1–2" in size_words.marks(table, LOSS)


def test_a_collection_alone_goes_by_its_name_and_claims_no_split_and_no_threshold(db: Database) -> None:
    runs = collections.runs_of(db, keep(db), curves=False)
    table = curves.table("Theirs", "params", runs, LOSS)
    figure = size_curve.size_curve(table, LOSS, (), split_known=False)
    assert {trace.name for trace in figure.data} == {"Theirs (imported)"}
    assert size_words.threshold(table, LOSS) == ""
