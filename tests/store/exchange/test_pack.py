"""Run packs: what one store exports another takes, and a pack that lies is refused whole."""

import errno
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.spec import run
from engine.spec.result import RunState
from store.commands.main import main
from store.commands.packs import chosen
from store.db.connection import Database
from store.exchange import merge, pack
from store.exchange.row_hash import RowHash
from store.library import sweeps
from store.results import queries, runs
from store.results.spool import Spool
from tests.store.exchange.packs import OTHER, content, export
from tests.store.fakes import RUNS, SWEEP, result


def test_what_one_trained_another_imports(db: Database, file: Path, fresh: Database) -> None:
    assert merge.import_pack(fresh, pack.read(file)) == (9, 1)
    assert content(fresh)[:3] == content(db)[:3]
    assert queries.curves(fresh, RUNS).equals(queries.curves(db, RUNS))
    assert runs.missing(fresh, RUNS) == []
    assert sweeps.load_sweep(fresh, SWEEP.key) == SWEEP


def test_a_pack_says_where_it_was_made_and_any_reader_of_parquet_reads_it(file: Path) -> None:
    read = pack.read(file)
    assert read.environment["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert read.environment["machine"] == pack.processor()
    table = pq.read_table(file)
    assert json.loads(table["config"][0].as_py())["label_noise"] == 0.2
    assert read.rows.equals(table.replace_schema_metadata())


@pytest.mark.parametrize(
    ("said", "name"), [("Apple M1\n", "Apple M1"), ("", platform.processor() or platform.machine())]
)
def test_on_macos_the_system_names_the_processor(monkeypatch: pytest.MonkeyPatch, said: str, name: str) -> None:
    def asked(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command == ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.CompletedProcess(command, 0, said)

    monkeypatch.setattr(subprocess, "run", asked)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert pack.processor() == name


def test_only_done_runs_of_the_named_sweep_are_exported(db: Database, file: Path, tmp_path: Path) -> None:
    Spool(db, "v").put([result(run, RunState.FAILED, error="No.") for run in OTHER.runs()])
    sweeps.save_sweep(db, OTHER, "Other")
    named = pack.read(export(db, tmp_path / "named", ["Other"]))
    assert set(named.rows["key"].to_pylist()) == {run.key for run in OTHER.runs()} & {run.key for run in RUNS}
    assert [sweep.name for sweep in named.sweeps] == ["Other"]
    assert len(pack.read(export(db, tmp_path / "all")).rows) == 9
    with pytest.raises(ValueError, match=r"sweep='Nobody' is not known; there are: .*'Mine'"):
        chosen(db, ["Nobody"])
    with pytest.raises(ValueError, match="exists already: name another file"):
        export(db, file)


def _forged(file: Path, change: Callable[[pa.Table], pa.Table], manifest: dict[str, Any] | None = None) -> None:
    """Write the pack again with other rows and a manifest whose hashes are right: only what it says is false."""
    table = pq.read_table(file)
    said = json.loads(pq.read_metadata(file).metadata[pack._MANIFEST])
    table = change(table)
    digest = RowHash()
    with suppress(KeyError, ValueError):  # of columns that are not there or of another type there is none
        digest.add(table)
    text = json.dumps(said | {"sha256": digest.hexdigest(), "runs": len(table)} | (manifest or {})).encode()
    named = {pack._MANIFEST: text, pack._HASH: hashlib.sha256(text).hexdigest().encode()}
    pq.write_table(table.replace_schema_metadata(named), file)


def _with(name: str, change: Callable[[Any], Any], kind: pa.DataType | None = None) -> Callable[[pa.Table], pa.Table]:
    def changed(table: pa.Table) -> pa.Table:
        values = table[name].to_pylist()
        place = table.schema.get_field_index(name)
        array = pa.array([change(values[0]), *values[1:]], kind or table[name].type)
        return table.set_column(place, pa.field(name, array.type), array)

    return changed


def _setting(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    return _with("config", lambda text: json.dumps(json.loads(text) | {name: value}, sort_keys=True))


LIES: tuple[tuple[Callable[[pa.Table], pa.Table], dict[str, Any], str], ...] = (
        (_setting("lr", 0.5), {}, r"key=\w+ does not belong to its settings"),
        (_setting("width", 5), {}, "config repeats a setting that has a column"),
        (_setting("depht", 5), {}, "depht=5 is not a setting of mlp on digits"),
        (_with("width", lambda value: value + 1), {}, r"key=\w+ does not belong to its settings"),
        (_with("seed", int, pa.int64()), {}, "column seed is missing or not of type uint32"),
        (_with("test_loss", lambda values: values[:-1]), {}, "test_loss has 4 values for 5 steps"),
        (_with("state", lambda value: "failed"), {}, "run of it is failed, not done"),
        (_with("state", lambda value: "done"), {}, "'done' is not a valid RunState"),
        (_with("engine_version", lambda value: 1), {}, "engine_version=1; this engine's is"),
        (lambda table: pa.concat_tables([table, table]), {}, "a run twice"),
        (lambda table: table.drop_columns(["step"]), {}, "column step is missing"),
        (lambda table: table, {"engine_version": 99}, "engine version 99, here it is .* update whichever"),
        (lambda table: table, {"format": 1}, "not a pack of format 2: update whichever"),
        (lambda table: table, {"runs": 8}, "holds 9 runs; its manifest says 8"),
        (lambda table: table, {"sha256": "0" * 64}, "not those that its manifest has the hash of"),
        (lambda table: table, {"sweeps": [{"settings": {"width": 5}, "id": SWEEP.key, "name": "X", "created": 1}]},
         "sweep X has an id that does not belong"),
        (lambda table: table, {"sweeps": [{"settings": {}}]}, "refused"),
        (lambda table: table, {"sweeps": 5}, "refused"),
)  # fmt: skip


def test_a_pack_that_lies_with_right_hashes_is_refused_whole(
    file: Path, fresh: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(fresh.home))
    before = content(fresh)
    good = shutil.copy(file, file.with_name("good"))
    for change, manifest, words in LIES:
        shutil.copy(good, file)
        _forged(file, change, manifest)
        with pytest.raises(ValueError, match=words):
            pack.read(file)
        assert main(["import", str(good), str(file)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {file} is refused, nothing of it was kept: ")
        assert error.endswith("again.\n")
        assert error.count("\n") == 1
    assert content(fresh) == before


def test_a_forged_pack_is_taken_where_nothing_is_false(file: Path) -> None:
    _forged(file, lambda table: table.slice(2))
    assert len(pack.read(file).rows) == 7


def test_a_pack_of_another_engine_version_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "ENGINE_VERSION", 99)
    with pytest.raises(ValueError, match=f"engine version {run.ENGINE_VERSION}, here it is 99"):
        pack.read(file)


@pytest.fixture
def sound(file: Path) -> tuple[bytes, pack.Pack]:
    return file.read_bytes(), pack.read(file)


@given(place=st.integers(-12, 10**5), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_refused_or_harmless(
    file: Path, sound: tuple[bytes, pack.Pack], place: int, bit: int
) -> None:
    data, right = bytearray(sound[0]), sound[1]
    data[place % len(data)] ^= 1 << bit
    file.write_bytes(data)
    try:
        read = pack.read(file)
    except ValueError:
        return
    assert read.rows.equals(right.rows)
    assert (read.sweeps, read.environment) == (right.sweeps, right.environment)


def test_a_flipped_bit_of_what_counts_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for place in (0, 3, 1000, -1, -6):
        data = bytearray(whole)
        data[place] ^= 1
        file.write_bytes(data)
        with pytest.raises(ValueError, match="file"):
            pack.read(file)


def test_an_export_that_fails_leaves_no_file(
    db: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"cannot be written \(No space left on device\): name a file elsewhere"):
        export(db, tmp_path / "again")
    assert not list(tmp_path.glob("again*"))


def test_runs_of_another_engine_version_are_not_written(file: Path, tmp_path: Path) -> None:
    rows = _setting("lr", 0.5)(pack.read(file).rows)
    assert pack.write(tmp_path / "again", rows, []) == 8
    assert len(pack.read(tmp_path / "again").rows) == 8
    with pytest.raises(ValueError, match="There is no result to write"):
        pack.write(tmp_path / "none", rows.slice(0, 1), [])
    assert not list(tmp_path.glob("none*"))


def test_a_truncated_pack_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for kept in (0.0, 0.01, 0.3, 0.9, 0.999):
        file.write_bytes(whole[: int(len(whole) * kept)])
        with pytest.raises(ValueError, match="is refused, nothing of it was kept"):
            pack.read(file)


def test_rubbish_gives_a_sentence(
    file: Path, fresh: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(fresh.home))
    rubbish = tmp_path / "rubbish"
    rubbish.mkdir()
    (rubbish / "text").write_text("width,loss\n4,0.5\n")
    (rubbish / "empty").touch()
    (rubbish / "sqlite").write_bytes(b"SQLite format 3\0" + bytes(4080))
    (rubbish / "magic").write_bytes(b"PAR1" * 100)
    os.mkfifo(rubbish / "pipe")
    (rubbish / "folder").mkdir()
    shutil.copy(fresh.file, rubbish / "store")
    pq.write_table(pa.table({"width": [4]}), rubbish / "foreign")
    for path in [*sorted(rubbish.iterdir()), rubbish / "absent"]:
        for command in ("verify", "import"):
            assert main([command, str(path)]) == 2
            error = capsys.readouterr().err
            assert error.startswith(f"error: {path} is refused, nothing of it was kept: ")
            assert error.endswith("again.\n")
    for target in (rubbish / "folder", file, rubbish / "absent/file", rubbish / "text/file"):
        assert main(["export", str(target)]) == 2
        assert f"error: {target}" in capsys.readouterr().err


def test_the_commands(
    db: Database,
    file: Path,
    fresh: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def said(home: Database, *arguments: str) -> str:
        monkeypatch.setenv("SCALESCOPE_HOME", str(home.home))
        assert main(arguments) == 0
        return capsys.readouterr().out

    again = str(tmp_path / "again.scalescope")
    environment = os.environ | {"SCALESCOPE_HOME": str(db.home), "SCALESCOPE_GALLERY": str(tmp_path / "none")}
    command = [sys.executable, "-m", "store", "export", again, "--sweep", "Mine"]
    exported = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert exported.stdout == f"{again}: 9 runs\n"
    assert f"{again} is sound: 9 runs, 1 sweep\n  Mine ({SWEEP.key})\n" in said(fresh, "verify", again)
    assert said(fresh, "import", again) == f"{again}: 9 new runs of 9, 1 new sweep\n"
    assert said(fresh, "import", again) == f"{again}: 0 new runs of 9, 0 new sweeps\n"
    assert content(fresh)[:3] == content(db)[:3]
