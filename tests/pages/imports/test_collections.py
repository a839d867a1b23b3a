"""Imported collections on the page Library, without a browser."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from store.db.connection import Database
from store.imports import collections
from tests.pages.conftest import FRAME
from tests.pages.imports.test_curves import keep
from tests.pages.imports.test_upload import TABLE

Open = Callable[..., AppTest]
LIBRARY = FRAME.parent / "library.py"


@pytest.fixture
def page(opened: Open) -> Callable[[], AppTest]:
    return partial(opened, LIBRARY)


def test_a_table_is_imported_and_listed(page: Callable[[], AppTest], db: Database) -> None:
    app = page()
    uploader = next(one for one in app.file_uploader if one.key and one.key.startswith("upload."))
    uploader.set_value(("runs.csv", TABLE, "text/csv"))
    app.run()
    app.button(key="upload.import").click().run()
    assert not app.exception
    assert "Imported as" in app.success[0].value
    listed = next(table.value for table in app.dataframe if "lost" in table.value)
    assert listed[["name", "kind", "runs", "lost"]].to_numpy().tolist() == [["runs.csv", "csv", 3, 1]]
    assert app.selectbox(key="imported.picked").options == ["runs.csv (imported)"]


def test_a_collection_is_named_noted_and_deleted_after_a_second_click(
    page: Callable[[], AppTest], db: Database
) -> None:
    first, second = keep(db), keep(db, size_is="width", name="**Others**")
    app = page()
    app.selectbox(key="imported.picked").set_value(first).run()
    app.text_input(key="imported.name").set_value("Mine")
    app.text_area(key="imported.note").set_value("A note").run()
    assert collections.describe(db, first)["name"] == "Mine"
    assert collections.describe(db, first)["note"] == "A note"
    app.text_input(key="imported.name").set_value("**Others**").run()
    assert "is taken" in app.error[0].value
    app.button(key="imported.delete").click().run()
    app.button(key="imported.keep").click().run()
    assert len(collections.imports(db)) == 2
    app.button(key="imported.delete").click().run()
    app.button(key="imported.sure").click().run()
    assert not app.exception
    assert list(collections.imports(db)["import_id"]) == [second]
    assert "6 runs" in app.success[0].value


def test_without_a_collection_there_is_the_upload_alone(page: Callable[[], AppTest]) -> None:
    app = page()
    assert not app.exception
    assert [box.key for box in app.selectbox if str(box.key).startswith("imported")] == []
    assert not any(isinstance(table.value, pd.DataFrame) and "lost" in table.value for table in app.dataframe)
    assert any(str(one.key).startswith("upload.") for one in app.file_uploader)
