"""Imported collections in the store: kept whole and once, marked as imported, known to every command."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from store.commands.main import main
from store.db.connection import Database
from store.imports import collections
from store.imports.collections import Collection, ImportedRun
from tests.store.fakes import RUNS, SWEEP

COLLECTION = Collection(
    kind="csv",
    source="/some/where/theirs.csv",
    size_is="params",
    data_is="tokens",
    mapping={"size": "N", "loss": "loss"},
    runs=(
        ImportedRun(name="a", size=10, loss=2.5, seed=0, data=100, compute=6e3, others={"family": "x", "lr": 0.1}),
        ImportedRun(
            name="b", size=20.5, loss=None, seed=2**40, series="s", step=(1, 2), loss_at=(3, None), data_at=(10, 20)
        ),
    ),
)


@pytest.fixture
def command(filled: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("SCALESCOPE_HOME", str(filled.home))
    return lambda *arguments: main(arguments)


@pytest.fixture
def table(tmp_path: Path) -> str:
    file = tmp_path / "theirs.csv"
    file.write_text("N,seed,loss\n10,0,2\n10,1,3\n20,0,nan\n")
    return str(file)


def test_a_collection_is_read_back_as_it_was_put(db: Database) -> None:
    key, new = collections.save(db, COLLECTION)
    assert new
    found = collections.runs_of(db, key)
    back = [
        {name: value for name, value in row.items() if name != "place"}
        for row in found.astype(object).to_dict("records")
    ]
    for row, run in zip(back, COLLECTION.runs, strict=True):
        for name, value in row.items():
            wanted = getattr(run, name)
            if isinstance(wanted, tuple):
                assert [None if v is pd.NA or pd.isna(v) else v for v in value.tolist()] == list(wanted)
            elif wanted is None:
                assert pd.isna(value)
            else:
                assert value == wanted
    assert set(found) - set(collections.runs_of(db, key, curves=False)) == {"step", "loss_at", "data_at", "compute_at"}
    described = collections.describe(db, key)
    assert (described["name"], described["runs"], described["finite"], described["curves"]) == ("theirs.csv", 2, 1, 1)
    assert described["mapping"] == {"size": "N", "loss": "loss"}


def test_importing_again_changes_nothing(db: Database) -> None:
    key, _ = collections.save(db, COLLECTION, "first")
    before = collections.imports(db)
    assert collections.save(db, replace(COLLECTION, source="other.csv"), "second") == (key, False)
    assert collections.imports(db).equals(before)
    other = replace(COLLECTION, size_is="width")
    assert collections.save(db, other, "first")[0] != key
    assert sorted(collections.imports(db)["name"]) == ["first", "first (2)"]


def test_an_import_that_fails_leaves_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(COLLECTION, runs=(*COLLECTION.runs, replace(COLLECTION.runs[0], size=None)))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        collections.save(db, broken)
    assert collections.imports(db).empty
    with db.reading() as con:
        assert con.execute("SELECT count(*) FROM imported_runs").fetchall() == [(0,)]
    with pytest.raises(ValueError, match="has no run to import"):
        collections.save(db, replace(COLLECTION, runs=()))
    with pytest.raises(ValueError, match="is not possible"):
        collections.save(db, COLLECTION, "a\nb")


def test_any_text_is_kept_letter_for_letter(db: Database) -> None:
    odd = "<b>\0'; DROP TABLE runs; -- ‮\U0001f600 =1+1"
    runs = (replace(COLLECTION.runs[0], name=odd, series=odd, others={odd: odd}),)
    key, _ = collections.save(db, replace(COLLECTION, runs=runs, source=f"/x/{odd}"))
    found = collections.runs_of(db, key).to_dict("records")[0]
    assert (found["name"], found["series"], found["others"]) == (odd, odd, {odd: odd})
    described = collections.describe(db, key)
    assert described["source"] == f"/x/{odd}"
    assert described["name"].isprintable()


def test_names_notes_and_deletion(db: Database) -> None:
    key, _ = collections.save(db, COLLECTION, "first")
    other, _ = collections.save(db, replace(COLLECTION, size_is="width"), "second")
    collections.set_note(db, key, " a note ")
    collections.rename(db, key, "renamed")
    with pytest.raises(ValueError, match="is taken"):
        collections.rename(db, other, "renamed")
    assert collections.describe(db, key)["note"] == "a note"
    assert (collections.find(db, "ren"), collections.find(db, key[:6]), collections.find(db, "none")) == (
        key,
        key,
        None,
    )
    assert collections.delete(db, key) == 2
    assert list(collections.imports(db)["name"]) == ["second"]
    for act in (
        collections.delete,
        collections.describe,
        collections.runs_of,
        lambda db, key: collections.rename(db, key, "x"),
    ):
        with pytest.raises(ValueError, match="is not there any more"):
            act(db, key)


def test_a_beginning_that_several_have_is_refused_and_a_sweep_comes_first(filled: Database) -> None:
    collections.save(filled, COLLECTION, "noisy digits of others")
    collections.save(filled, replace(COLLECTION, size_is="width"), "others")
    collections.save(filled, replace(COLLECTION, data_is="examples"), "other ones")
    assert collections.find(filled, "noisy digits") is None
    assert collections.find(filled, "noisy") is None
    assert collections.find(filled, "noisy digits of others") is not None
    with pytest.raises(ValueError, match=r"'oth' may be 'other ones' \(.*\), 'others' \(.*write more"):
        collections.find(filled, "oth")


def test_the_command_imports_says_what_it_makes_and_does_so_once(
    filled: Database, command: Callable[..., int], table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("import-runs", table, "--seed", "seed", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "3 runs of 2 sizes, 10 to 20 params; size from 'N', loss from 'loss', seed from 'seed'." in said
    assert "Without a finite loss (diverged, or none was noted): 1" in said
    assert collections.imports(filled).empty
    assert command("import-runs", table, "--seed", "seed", "--name", "mine", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["new"], made["runs"], made["finite"]) == (True, 3, 2)
    assert command("import-runs", table, "--seed", "seed") == 0
    assert f"There already: 'mine' ({made['key'][:8]})" in capsys.readouterr().out
    for wrong in (["--size", "gone"], ["--kind", "parquet"], ["--step", "N"], ["--where", "N"]):
        assert command("import-runs", table, *wrong) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_the_other_commands_know_a_collection_and_mark_it(
    filled: Database, command: Callable[..., int], table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command("import-runs", table, "--name", "mine")
    assert command("note", "mine", "a note") == command("name", "mine", "ours") == 0
    capsys.readouterr()
    assert command("list") == 0
    assert "ours  (imported: csv)" in capsys.readouterr().out
    assert command("list", "--json") == 0
    listed = {row["name"]: row["source"] for row in json.loads(capsys.readouterr().out)}
    assert (listed["ours"], listed["noisy digits"]) == ("imported", "trained")
    for words, names in (
        ("OURS a theirs.csv", ["ours"]),
        ("ours nothing", []),
        ("noisy wider", ["noisy digits, wider"]),
    ):
        assert command("list", "--json", "--search", words) == 0
        assert [row["name"] for row in json.loads(capsys.readouterr().out)] == names
    assert command("show", "ours") == 0
    assert "ours (imported)" in capsys.readouterr().out
    assert command("show", "ours", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["source"], shown["from"], shown["note"]) == ("imported", table, "a note")
    assert command("tag", "ours", "x") == command("archive", "ours") == 2
    assert command("delete", "ours") == 1
    assert command("delete", "ours", "--yes") == 0
    assert "Removed: the imported collection 'ours' with 3 runs." in capsys.readouterr().out
    assert collections.imports(filled).empty


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_say_of_each_run_whether_it_was_trained_or_imported(
    filled: Database, command: Callable[..., int], tmp_path: Path, suffix: str
) -> None:
    collections.save(filled, COLLECTION, "theirs")
    every, some, sweep = (tmp_path / f"{name}.{suffix}" for name in ("every", "some", "sweep"))
    assert command("export", str(every)) == command("export", str(some), "--sweep", "theirs") == 0
    assert command("export", str(sweep), "--sweep", SWEEP.key) == 0

    def reading(file: Path) -> pd.DataFrame:
        return pd.read_csv(file, low_memory=False) if suffix == "csv" else pq.read_table(file).to_pandas()

    found = reading(every)
    assert set(found["source"]) == {"trained", "imported"}
    brought = found[found["source"] == "imported"]
    assert list(brought["loss"].fillna(-1)) == [2.5, 3, -1]
    assert list(brought["data"]) == [100, 10, 20]
    assert list(brought["params"]) == [10, 20.5, 20.5]
    assert list(brought["state"]) == ["finished", "diverged", "diverged"]
    assert set(reading(some)["source"]) == {"imported"}
    assert set(reading(sweep)["source"]) == {"trained"}
    assert reading(sweep)["key"].nunique() == len(RUNS)


def test_json_has_an_object_per_imported_run_and_packs_none(
    filled: Database, command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collections.save(filled, COLLECTION, "theirs")
    assert command("export", str(tmp_path / "all.json")) == 0
    found = json.loads((tmp_path / "all.json").read_text())
    brought = [one for one in found if one["source"] == "imported"]
    assert [(one["run"], one["step"], one["loss"]) for one in brought] == [
        ("a", [None], [2.5]),
        ("b", [1, 2], [3, None]),
    ]
    assert brought[0]["others"] == {"family": "x", "lr": 0.1}
    assert command("export", str(tmp_path / "p.scalescope"), "--sweep", "theirs") == 2
    assert "A run pack holds trained runs alone" in capsys.readouterr().err
    assert command("export", str(tmp_path / "p.scalescope")) == 0


def test_text_of_strangers_is_no_formula_in_a_csv(
    filled: Database, command: Callable[..., int], tmp_path: Path
) -> None:
    runs = tuple(replace(COLLECTION.runs[0], name=name) for name in ("=1+1", "@x", "-x", "+x", "plain"))
    collections.save(filled, replace(COLLECTION, runs=runs), "=HYPERLINK()")
    assert command("export", str(tmp_path / "out.csv"), "--sweep", "=HYPERLINK()") == 0
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found["run"]) == ["'=1+1", "'@x", "'-x", "'+x", "plain"]
    assert set(found["collection"]) == {"'=HYPERLINK()"}


def test_a_backup_has_what_was_imported(filled: Database, command: Callable[..., int], tmp_path: Path) -> None:
    key, _ = collections.save(filled, COLLECTION)
    (tmp_path / "copy").mkdir()
    assert command("backup", str(tmp_path / "copy" / "scalescope.duckdb")) == 0
    copy = Database(tmp_path / "copy")
    assert collections.runs_of(copy, key).astype(str).equals(collections.runs_of(filled, key).astype(str))
    assert command("vacuum") == 0
    assert len(collections.runs_of(filled, key)) == 2


def test_other_clients_read_imported_runs_in_a_view_of_their_own(db: Database) -> None:
    collections.save(db, COLLECTION, "theirs")
    with db.reading() as con:
        found = con.execute("SELECT collection, run, params, width, state, loss FROM imported ORDER BY run").fetchall()
        assert con.execute("SELECT count(*) FROM results").fetchall() == [(0,)]
    assert found == [("theirs", "a", 10, None, "finished", 2.5), ("theirs", "b", 20.5, None, "diverged", None)]
