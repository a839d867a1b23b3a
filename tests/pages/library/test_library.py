"""The page Library, without a browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.exchange import pack, selection
from store.home import open_database
from store.library import catalog, listing, sweeps
from store.results import runs
from tests.homes import fresh
from tests.pages import made_up
from tests.pages.conftest import FRAME

Open = Callable[..., AppTest]
LIBRARY = FRAME.parent / "library.py"
MOONS = SweepSpec.of({"dataset": "moons", "width": (2, 4)})
NOISY = SweepSpec.of({"dataset": "moons", "width": (2, 4), "label_noise": 0.2})
WIDER = SweepSpec.of({"dataset": "moons", "width": (4, 8)})
"""Shares the run of width 4 with MOONS."""
ODD = "<script>alert(1)</script> ![x](http://evil.example/x.png) $$y$$ :material/home: :red[z] *b* `c` | _d_"


def three_sweeps(db: Database) -> None:
    for sweep, name in ((MOONS, "Moons"), (NOISY, "Noisy moons"), (WIDER, "Wider moons")):
        made_up.train(db, sweep, name)


@pytest.fixture
def page(opened: Open, db: Database) -> Callable[..., AppTest]:
    """Open the page at an address, with some sweeps picked; the store has three of them."""
    fresh(db.home, three_sweeps)

    def go(*picked: SweepSpec, **params: str) -> AppTest:
        return opened(LIBRARY, {"library.picked": tuple(sweep.key for sweep in picked)}, **params)

    return go


def listed(app: AppTest) -> list[str]:
    assert not app.exception
    return list(app.dataframe[0].value["name"]) if app.dataframe else []


def said(app: AppTest) -> list[str]:
    return [element.value.replace("\\", "") for element in (*app.success, *app.error)]


def test_an_empty_store_says_what_to_do(opened: Open) -> None:
    app = opened(LIBRARY)
    assert listed(app) == []
    assert "press Train in Explore" in app.info[0].value


def test_a_search_is_in_the_address_and_the_address_restores_it(page: Callable[..., AppTest], db: Database) -> None:
    catalog.add_tags(db, NOISY.key, ["paper"])
    catalog.add_tags(db, WIDER.key, ["paper"])
    app = page()
    assert listed(app) == ["Wider moons", "Noisy moons", "Moons"]
    app.multiselect(key="library.tags").set_value(["paper"])
    app.text_input(key="library.text").set_value("NOISY digits").run()
    assert listed(app) == []
    assert "Take a word or a tag away" in app.info[0].value
    app.text_input(key="library.text").set_value("NOISY mlp").run()
    assert listed(app) == ["Noisy moons"]
    params = {name: str(app.query_params[name]) for name in ("text", "tags")}
    assert params == {"text": "NOISY mlp", "tags": "paper"}
    assert listed(page(**params)) == ["Noisy moons"]


@pytest.mark.parametrize(
    "params",
    [
        {"sort": "'; DROP TABLE sweeps; --"},
        {"no": "1"},
        *(pytest.param(one, marks=pytest.mark.long) for one in ({"page": "x"}, {"archived": "1"})),
    ],
)
def test_a_broken_address_shows_one_sentence_and_what_can_be_had(
    page: Callable[..., AppTest], params: dict[str, str]
) -> None:
    app = page(**params)
    assert listed(app) == ["Wider moons", "Noisy moons", "Moons"]
    ((name, value),) = params.items()
    assert [
        sentence.startswith((f"{name}={value} is not possible", f"{name} is not known")) for sentence in said(app)
    ] == [True]


def test_pages_turn_and_a_page_beyond_the_last_is_the_last(
    page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS", 2)
    app = page(sort="name")
    assert listed(app) == ["Moons", "Noisy moons"]
    app.pagination[0].set_value(2).run()
    assert listed(app) == ["Wider moons"]
    assert app.query_params["page"] == "2"
    app = page(page="99")
    assert listed(app) == ["Moons"]
    assert app.query_params["page"] == "2"
    app.text_input(key="library.text").set_value("w").run()
    assert app.caption[0].value.startswith("1 sweep.")


def test_a_picked_sweep_is_renamed_noted_and_tagged_and_stays_picked(
    page: Callable[..., AppTest], db: Database
) -> None:
    app = page(NOISY)
    app.text_input(key="card.name").set_value("Moons").run()
    assert "is taken by another sweep" in said(app)[0]
    assert app.text_input(key="card.name").value == "Noisy moons"
    app.text_input(key="card.name").set_value("A fifth wrong")
    app.text_area(key="card.note").set_value("What was found")
    app.multiselect(key="card.tags").set_value(["paper", "fig:2"]).run()
    assert not said(app)
    app.multiselect(key="card.tags").set_value(["fig:2", "two words"]).run()
    assert "tag='two words' is not possible" in said(app)[0]
    app.multiselect(key="card.tags").set_value(["fig:2"]).run()
    found = catalog.describe(db, NOISY.key)
    assert (found["name"], found["note"], found["tags"]) == ("A fifth wrong", "What was found", ["fig:2"])
    assert listed(app) == ["Wider moons", "A fifth wrong", "Moons"]
    assert app.text_area(key="card.note").value == "What was found"


def test_what_is_archived_is_in_a_list_of_its_own_and_comes_back(page: Callable[..., AppTest], db: Database) -> None:
    app = page(NOISY, MOONS)
    app.button(key="card.archive").click().run()
    assert "2 sweeps are archived" in said(app)[0]
    assert listed(app) == ["Wider moons"]
    app = page(NOISY, archived="yes")
    assert listed(app) == ["Noisy moons", "Moons"]
    app.button(key="card.archive").click().run()
    assert listed(app) == ["Moons"]
    assert not catalog.describe(db, NOISY.key)["archived"]


def test_deleting_says_first_what_goes_and_what_stays(page: Callable[..., AppTest], db: Database) -> None:
    app = page(MOONS)
    app.button(key="card.delete").click().run()
    assert (
        "removes this sweep and 1 result of its runs. 1 result that other sweeps share will stay"
        in app.warning[0].value
    )
    app.button(key="card.keep").click().run()
    assert not app.warning
    assert catalog.find(db, "Moons")
    app.button(key="card.delete").click().run()
    app.button(key="card.sure").click().run()
    assert said(app)[0].startswith("Removed: 1 sweep and 1 result")
    assert listed(app) == ["Wider moons", "Noisy moons"]
    assert not runs.missing(db, WIDER.runs())


def test_several_are_tagged_compared_and_deleted_together(page: Callable[..., AppTest], db: Database) -> None:
    catalog.add_tags(db, MOONS.key, ["old"])
    app = page(MOONS, WIDER)
    app.multiselect(key="card.tags").set_value(["paper"]).run()
    assert catalog.describe(db, MOONS.key)["tags"] == ["old", "paper"]
    (link,) = (link for link in app.get("page_link") if "Compare" in link.proto.label)
    assert link.proto.query_string == f"sweeps={WIDER.key}%2C{MOONS.key}"
    app.button(key="card.delete").click().run()
    assert "these 2 sweeps and 3 results" in app.warning[0].value
    app.button(key="card.sure").click().run()
    assert listed(app) == ["Noisy moons"]


def test_a_false_pack_is_refused_whole_and_a_sound_one_is_shown_and_imported(
    opened: Open, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = open_database(tmp_path / "elsewhere")
    made_up.train(elsewhere, MOONS, "From afar")
    sound = selection.as_bytes(elsewhere, [MOONS.key], ".scalescope")
    false = bytearray(sound)
    for place in range(len(false) // 3, len(false) // 3 + 500):
        false[place] ^= 255
    app = opened(LIBRARY)
    kind = "application/octet-stream"
    app.file_uploader[0].set_value([("a.scalescope", sound, kind), ("../b.csv", bytes(false), kind)]).run()
    assert said(app)[0].startswith("a.scalescope is sound: 2 runs of “From afar”")
    assert said(app)[1].startswith("../b.csv is refused, nothing of it was kept: ")
    assert app.button(key="maintenance.import").disabled
    app.file_uploader[0].set_value([("a.scalescope", sound, kind)]).run()
    app.button(key="maintenance.import").click().run()
    assert said(app) == ["a.scalescope: 2 new runs, 1 new sweep."]
    assert listed(app) == ["From afar"]


def test_the_store_is_backed_up_into_a_new_file_alone_and_vacuumed(
    page: Callable[..., AppTest], tmp_path_factory: pytest.TempPathFactory
) -> None:
    target = tmp_path_factory.mktemp("backups") / "copy.duckdb"
    app = page()
    app.text_input(key="maintenance.target").set_value(str(target)).run()
    app.button(key="maintenance.backup").click().run()
    assert "holds the store with 5 runs" in said(app)[0]
    assert target.stat().st_size > 0
    app.button(key="maintenance.backup").click().run()
    assert "exists already" in said(app)[0]
    app.button(key="maintenance.vacuum").click().run()
    assert said(app)[0].startswith("The store takes ")


def test_a_selection_is_taken_along_in_every_form(page: Callable[..., AppTest], db: Database, tmp_path: Path) -> None:
    assert [button.disabled for button in page(MOONS).download_button] == [False]
    for suffix, begins in ((".csv", b'"key"'), (".parquet", b"PAR1"), (".json", b"[\n"), (".scalescope", b"PAR1")):
        assert selection.as_bytes(db, [MOONS.key, WIDER.key], suffix).startswith(begins)
    (tmp_path / "p").write_bytes(selection.as_bytes(db, [MOONS.key], ".scalescope"))
    assert set(pack.read(tmp_path / "p").rows["key"].to_pylist()) == {run.key for run in MOONS.runs()}


def test_what_is_too_much_for_a_browser_is_left_to_the_command_line(
    page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, db: Database
) -> None:
    monkeypatch.setattr(selection, "MOST", 1)
    app = page(MOONS)
    assert [button.disabled for button in app.download_button] == [True]
    assert any("scalescope store export FILE.scalescope" in caption.value for caption in app.caption)
    with pytest.raises(ValueError, match="These are 2 runs; allowed here: 1"):
        selection.as_bytes(db, [MOONS.key], ".csv")


def test_unfinished_and_failed_runs_are_counted(page: Callable[..., AppTest], db: Database) -> None:
    torn = SweepSpec.of({"dataset": "moons", "width": (2, 16, 32)})
    made_up.put(db, [made_up.result(torn.runs()[1], RunState.FAILED, "Out of memory.")])
    sweeps.save_sweep(db, torn, "Torn")
    row = page(text="torn").dataframe[0].value.iloc[0]
    assert (row["results"], row["failed"]) == ("1 / 3", 1)


def test_names_notes_and_tags_are_shown_to_the_letter(page: Callable[..., AppTest], db: Database) -> None:
    sweeps.rename_sweep(db, NOISY.key, ODD)
    catalog.set_note(db, NOISY.key, ODD)
    app = page(NOISY)
    assert ODD in listed(app)
    assert app.text_input(key="card.name").value == ODD == app.text_area(key="card.note").value
    app = page(MOONS)
    app.text_input(key="card.name").set_value(ODD).run()
    for element in (*app.markdown, *app.caption, *app.error, *app.success, *app.warning):
        assert "![x]" not in element.value


def test_a_sweep_of_another_version_is_said_so_and_can_still_be_marked(
    page: Callable[..., AppTest], db: Database
) -> None:
    with db.writing() as con:
        con.execute("""UPDATE sweeps SET settings = '{"magic": [1]}' WHERE sweep_id = ?""", [NOISY.key])
    app = page(NOISY)
    assert "was saved by another version" in app.warning[0].value.replace("\\", "")
    app.button(key="card.archive").click().run()
    assert listed(app) == ["Wider moons", "Moons"]
