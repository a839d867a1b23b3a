"""Stores that are cut, flipped, foreign, newer or read-only: a sentence and a way forward, never a wrong answer."""

import os
import random
import shutil
import signal
import sqlite3
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from store.commands.main import main as store_main
from store.db import integrity, schema
from store.db.connection import Database
from store.db.errors import StoreError
from store.db.instance import CONFIG
from store.home import open_database
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, result, start
from tests.store.shelves import content


def _sqlite(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as con:
        con.execute("CREATE TABLE runs (key TEXT)")
    con.close()


def _other_tables(file: Path) -> None:
    file.unlink()
    with duckdb.connect(str(file)) as con:
        con.execute("CREATE TABLE theirs (x INTEGER)")


def _newer_schema(file: Path) -> None:
    with duckdb.connect(str(file)) as con:
        con.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", [str(schema.NEWEST + 1)])


def _newer_duckdb(file: Path) -> None:
    data = bytearray(file.read_bytes())
    checksum = int.from_bytes(data[:8], "little") ^ _words(data)
    data[12:20] = (10**6).to_bytes(8, "little")
    data[:8] = (checksum ^ _words(data)).to_bytes(8, "little")
    file.write_bytes(data)


def _words(data: bytearray) -> int:
    """Return what the words with the version give to DuckDB's checksum of its first page."""
    words = [int.from_bytes(data[place : place + 8], "little") for place in (8, 16)]
    return words[0] * 0xBF58476D1CE4E5B9 % 2**64 ^ words[1] * 0xBF58476D1CE4E5B9 % 2**64


def _cut(size: int) -> Callable[[Path], None]:
    return lambda file: os.truncate(file, size)


def _flipped(place: int) -> Callable[[Path], None]:
    def flip(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[place] ^= 0x10
        file.write_bytes(data)

    return flip


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), "is not a DuckDB database: move it aside"),
    "text": (lambda file: file.write_text("no database"), "is not a DuckDB database: move it aside"),
    "random": (lambda file: file.write_bytes(os.urandom(9999)), "is not a DuckDB database: move it aside"),
    "folder": (_folder, "move aside what has this name"),
    "sqlite": (_sqlite, "is not a DuckDB database: move it aside"),
    "of others": (_other_tables, "is a DuckDB database, but not Scalescope's: move it aside"),
    "newer tables": (_newer_schema, "newer Scalescope .* update Scalescope"),
    "newer DuckDB": (_newer_duckdb, "newer DuckDB than the one installed: run pip install"),
    "header alone": (_cut(4096), "is cut short: move it aside"),
    "half": (_cut(300_000), "is (cut short|damaged): move it aside"),
    "flipped magic": (_flipped(9), "is not a DuckDB database: move it aside"),
    "flipped header": (_flipped(4100), "is damaged: move it aside"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_file_that_cannot_be_used_is_refused_in_words_by_every_command(
    filled: Database, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from engine.commands.main import main as engine_main

    damage, words = DAMAGE[kind]
    damage(filled.file)
    with pytest.raises(StoreError, match=words):
        content(open_database(filled.home))
    monkeypatch.setenv("SCALESCOPE_HOME", str(filled.home))
    commands: list[Callable[[], int]] = [
        lambda: store_main(["list"]),
        lambda: store_main(["backup", str(filled.home.parent / "copy.duckdb")]),
        lambda: store_main(["vacuum"]),
        lambda: engine_main(["sweep", "moons-overfitting", "--dry-run"]),
    ]
    for command in commands:
        assert command() == 1
        said = capsys.readouterr()
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert said.out == ""


def test_a_damaged_store_moved_aside_as_told_leaves_a_new_one_and_a_warning(filled: Database) -> None:
    DAMAGE["flipped header"][0](filled.file)
    with pytest.raises(StoreError) as refused:
        open_database(filled.home)
    assert f"(mv {filled.file} {filled.file}.old)" in str(refused.value)
    filled.file.rename(f"{filled.file}.old")
    Spool(filled, "w").put([result(RUNS[0])])
    db = open_database(filled.home)
    assert ingest(db) == 1
    assert "it had 12 results and has 1, so 11 are missing" in integrity.lost(db)


def _answer(home: Path, said: Path) -> None:
    """Read all that the store holds; write what went wrong."""
    try:
        said.write_text(repr(content(Database(home))))
    except StoreError as problem:
        said.write_text(f"refused: {problem}")
    except BaseException:
        said.write_text(traceback.format_exc())


def _answered(db: Database, said: Path) -> str:
    """Return the same, asked in a process of its own, which a wrong page may bring down."""
    said.unlink(missing_ok=True)
    process = start(_answer, db.home, said)
    process.join()
    assert process.exitcode == 0
    return said.read_text()


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("flips", [6, pytest.param(200, marks=pytest.mark.long)])
def test_a_flipped_bit_is_found_or_changes_nothing(
    filled: Database, tmp_path: Path, chance: random.Random, flips: int
) -> None:
    said = tmp_path / "said"
    with duckdb.connect(str(filled.file), config=CONFIG) as con:
        con.execute("CHECKPOINT")
    whole = filled.file.read_bytes()
    right = _answered(filled, said)
    assert right.startswith("{")
    found = 0
    for _ in range(flips):
        data = bytearray(whole)
        _flip(data, chance)
        filled.file.write_bytes(data)
        answer = _answered(filled, said)
        assert answer == right or answer.startswith("refused: "), answer
        found += answer != right
    assert 0 < found < flips or flips < 100


def _commit_and_die(home: Path) -> None:
    db = Database(home)
    for place in range(4):
        with db.writing() as con:
            con.execute("PRAGMA disable_checkpoint_on_shutdown")
            con.execute("INSERT INTO meta VALUES (?, '')", [f"row {place}"])
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("flips", [4, pytest.param(100, marks=pytest.mark.long)])
def test_a_log_with_a_flipped_bit_or_a_cut_is_refused_or_its_loss_is_told(
    filled: Database, tmp_path: Path, chance: random.Random, flips: int
) -> None:
    said = tmp_path / "said"
    start(_commit_and_die, filled.home).join()
    log = Path(f"{filled.file}.wal")
    whole, right = log.read_bytes(), _answered(filled, said)
    for attempt in range(flips):
        data = bytearray(whole)
        if attempt % 2:
            _flip(data, chance)
        else:
            del data[chance.randrange(len(data)) :]
        log.write_bytes(data)
        answer = _answered(filled, said)
        if answer.startswith("refused: "):
            assert f"mv {log} {log}.old" in answer, answer
        else:
            assert answer == right or integrity.lost(filled) != "", answer
    log.unlink()
    assert "so 0" not in integrity.lost(filled) != ""


def test_a_file_that_may_not_be_written_is_refused_in_words(filled: Database) -> None:
    user = os.geteuid()
    home = Path(tempfile.mkdtemp()) / "home"  # where all may go, other than to the folders of pytest
    home.parent.chmod(0o755)
    shutil.copytree(filled.home, home)
    try:
        for path in (home, *home.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        db = Database(home)
        db.file.chmod(0o444)
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(StoreError, match=rf"may not write to {db.file}: make the file writable"), db.writing():
            pass
        with db.reading() as con:
            assert con.execute("SELECT count(*) FROM runs").fetchall() == [(12,)]
        Spool(db, "v").put([result(RUNS[0])])  # and results are kept
    finally:
        os.seteuid(user)
        shutil.rmtree(home.parent)
