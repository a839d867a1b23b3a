"""The command line of the store: what it prints, and its exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from store.commands.main import main
from store.db.connection import Database
from store.library import catalog
from tests.store.fakes import RUNS, SWEEP, listed
from tests.store.shelves import OTHER, SHARED


@pytest.fixture
def command(filled: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("SCALESCOPE_HOME", str(filled.home))
    return lambda *arguments: main(arguments)


def test_the_commands_do_what_they_say(
    filled: Database, command: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command("tag", SWEEP.key[:5], "a", "b") == 0
    assert command("untag", SWEEP.key[:5], "b") == 0
    assert command("note", "noisy digits", "a note") == 0
    assert command("name", "noisy digits", "mine") == 0
    assert command("archive", "mi") == 0
    capsys.readouterr()
    assert command("list", "--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["noisy digits, wider"]
    assert command("list", "--archived", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["runs"], row["finished"], row["tags"]) == ("mine", len(RUNS), len(RUNS), ["a"])
    assert command("show", "mine", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["key"], shown["note"], shown["states"]) == (SWEEP.key, "a note", {"finished": len(RUNS)})
    assert command("show", "mine") == command("list") == command("unarchive", "mine") == command("vacuum") == 0
    assert command("backup", str(tmp_path / "copy.duckdb")) == 0
    assert command("delete", "mine") == 1
    assert f"{len(RUNS) - len(SHARED)} results" in capsys.readouterr().err
    assert catalog.find(filled, "mine").sweep_id == SWEEP.key
    assert command("delete", "mine", "--yes") == 0
    assert list(listed(filled)["name"]) == ["noisy digits, wider"]


def test_a_long_list_is_searched_and_cut_and_says_what_is_left_out(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("archive", OTHER.key) == 0
    capsys.readouterr()
    assert command("list", "--search", "NOISY mlp") == 0
    said = capsys.readouterr()
    assert f"{SWEEP.key[:8]}            9/9" in said.out
    assert "wider" not in said.out
    assert "Archived besides: 1" in said.err
    assert command("unarchive", OTHER.key) == command("list", "--search", "nowhere", "--json") == 0
    assert capsys.readouterr().out.endswith("[]\n")
    assert command("list", "--limit", "1") == 0
    said = capsys.readouterr()
    assert said.out.count("noisy digits") == 1
    assert "And 1 more" in said.err
    assert command("list", "--limit", "0") == 2


def test_bad_input_is_a_sentence_and_exit_code_2(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for arguments in (
        ("show", "nothing"),
        ("delete", "noisy", "--yes"),
        ("name", SWEEP.key, "noisy digits, wider"),
        ("tag", SWEEP.key, "two words"),
        ("backup", str(tmp_path / "nowhere" / "copy")),
    ):
        assert command(*arguments) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1


def test_a_store_that_cannot_be_used_is_a_sentence_and_exit_code_1(
    filled: Database, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    filled.file.write_bytes(b"not a database at all")
    assert command("vacuum") == 1
    assert "is not a DuckDB database" in capsys.readouterr().err
