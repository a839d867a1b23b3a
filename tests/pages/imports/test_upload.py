"""Bringing a table of runs from elsewhere, without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from store.db.connection import Database
from store.imports import collections

TABLE = b"N,tokens,seed,val_loss,note\n10,100,0,3.5,a\n10,100,1,3.6,b\n1000,200,0,nan,c\n"


def _page() -> None:
    from pages.ui import actions, services
    from pages.ui.imports import upload

    actions.say()
    upload.draw(services.opened())


@pytest.fixture
def page(db: Database) -> AppTest:
    return AppTest.from_function(_page, default_timeout=120).run()


def uploaded(page: AppTest, name: str, content: bytes) -> AppTest:
    page.file_uploader[0].set_value((name, content, "text/csv"))
    return page.run()


def shown(page: AppTest) -> str:
    return " ".join(element.value for element in page.markdown)


def test_the_columns_are_guessed_and_the_preview_says_what_comes(page: AppTest, db: Database) -> None:
    uploaded(page, "runs.csv", TABLE)
    assert not page.exception
    assert {use: page.selectbox(key=f"upload.{use}").value for use in ("size", "data", "seed", "loss")} == {
        "size": "N",
        "data": "tokens",
        "seed": "seed",
        "loss": "val_loss",
    }
    assert "**3 runs** of 2 sizes, 10–1k params." in shown(page)
    assert "Without a finite loss (diverged, or none was noted): 1" in shown(page)
    page.button(key="upload.import").click().run()
    assert "Imported as “runs\\.csv”" in page.success[0].value.replace("\\“", "“").replace("\\”", "”")
    (row,) = collections.imports(db).to_dict("records")
    assert (row["name"], row["runs"], row["finite"], row["data_is"]) == ("runs.csv", 3, 2, "tokens")


def test_importing_again_is_said_and_changes_nothing(page: AppTest, db: Database) -> None:
    for _ in range(2):
        uploaded(page, "runs.csv", TABLE)
        page.button(key="upload.import").click().run()
    assert "there already" in page.success[0].value
    assert len(collections.imports(db)) == 1


def test_what_would_be_refused_is_said_with_its_rows_and_cannot_be_imported(page: AppTest) -> None:
    uploaded(page, "runs.csv", TABLE)
    page.selectbox(key="upload.size").set_value("note").run()
    assert "row 2" in page.error[0].value
    assert not [button for button in page.button if button.key == "upload.import"]
    page.selectbox(key="upload.size").set_value("N").run()
    assert not page.error
    assert page.button(key="upload.import")


def test_a_condition_leaves_rows_out(page: AppTest) -> None:
    uploaded(page, "runs.csv", TABLE + b"oops,1,1,2,d\n")
    assert "row 5" in page.error[0].value
    page.text_input(key="upload.where").set_value("note!=d; seed=0").run()
    assert not page.error
    assert page.button(key="upload.import").label == "Import 2 runs"


@pytest.mark.parametrize("content", [b"", b"a\n", b"\0\1\2\3", b"PK\x03\x04", b"a,b\n1\n"])
def test_a_file_that_is_no_table_is_refused_in_words(page: AppTest, content: bytes) -> None:
    uploaded(page, "runs.csv", content)
    assert not page.exception
    assert "runs\\.csv" in page.error[0].value
    assert "upload" not in page.error[0].value


def test_names_with_markup_are_shown_letter_for_letter(page: AppTest, db: Database) -> None:
    name = "![x](javascript:1) <b>$a$ :red[x] \U0001f600"
    uploaded(page, f"{name}.csv", b"n,loss\n1,**z**\n")
    assert "\\*\\*z\\*\\*" in page.error[0].value
    uploaded(page, f"{name}.csv", b"n,loss\n1,2\n")
    page.button(key="upload.import").click().run()
    assert "\\!\\[x\\]\\(javascript\\:" in page.success[0].value
    assert collections.imports(db)["name"][0] == collections.named_after(f"{name}.csv")


def test_a_name_that_is_not_possible_is_said_and_nothing_is_kept(page: AppTest, db: Database) -> None:
    uploaded(page, "runs.csv", TABLE)
    page.text_input(key="upload.name").set_value("a\tb").run()
    page.button(key="upload.import").click().run()
    assert "is not possible" in page.error[0].value
    assert collections.imports(db).empty
