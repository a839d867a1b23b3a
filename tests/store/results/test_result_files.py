"""Result files: what was written is read, anything else is set aside with the reason."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.spec.result import RunState
from store.db.connection import Database
from store.results import result_files
from store.results.rows import as_table, dated_rows, from_row
from store.results.spool import Spool, ingest
from tests.store.fakes import RUNS, result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = as_table([(10**15, result(run)) for run in RUNS])
    result_files.write(tmp_path / "results.arrow", rows, durable=True)
    return tmp_path / "results.arrow"


def test_what_was_written_is_read(path: Path) -> None:
    assert [from_row(row) for _, row in dated_rows(result_files.read(path))] == [result(run) for run in RUNS]


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_part_of_a_file_is_refused(path: Path, kept: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ValueError, match=r"not whole|not JSON|not a result file of format"):
        result_files.read(path)


@pytest.fixture
def whole(path: Path) -> bytes:
    return path.read_bytes()


@settings(max_examples=200)
@given(place=st.integers(0, 10**5), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_refused(path: Path, whole: bytes, place: int, bit: int) -> None:
    data = bytearray(whole)
    data[place % len(whole)] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"not whole|not JSON|not a result file of format"):
        result_files.read(path)


def test_a_file_of_a_later_format_is_set_aside_in_words(db: Database, path: Path) -> None:
    begin = f"scalescope results {result_files.FORMAT} ".encode()
    data = path.read_bytes().replace(begin, b"scalescope results 99 ", 1)
    (db.spool / "later.arrow").write_bytes(data)
    assert ingest(db) == 0
    assert (db.rejected / "later.arrow").read_bytes() == data
    assert (db.rejected / "later.arrow.txt").read_text() == "It is not a result file of format 2.\n"


def test_one_false_file_holds_up_no_other(db: Database, path: Path) -> None:
    rows = result_files.read(path)
    swapped = rows.set_column(0, "key", rows["key"].take(list(range(len(rows)))[::-1]))
    result_files.write(db.spool / "1.arrow", rows.slice(0, 2), durable=False)
    result_files.write(db.spool / "2.arrow", swapped, durable=False)
    result_files.write(db.spool / "3.arrow", rows.slice(2, 3), durable=False)
    Spool(db, "w").put([result(RUNS[8], RunState.FAILED)])
    assert ingest(db) == 6
    assert [aside.name for aside in sorted(db.rejected.iterdir())] == ["2.arrow", "2.arrow.txt"]
    assert "does not belong to its settings" in (db.rejected / "2.arrow.txt").read_text()
