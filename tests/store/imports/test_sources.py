"""Tables from elsewhere: what is read of CSV and Parquet files, and that broken ones are refused in words."""

import codecs
import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.imports.choice import Choice
from store.imports.guess import guess, numeric
from store.imports.mapping import mapped
from store.imports.sources import csv, parquet
from store.imports.sources.registry import MAX_BYTES, kinds, read
from store.imports.sources.source import MAX_COLUMNS, MAX_ROWS

TEXT = 'N,loss,"a, b"\r\n10,0.5,"x ""y""\nz"\r\n\r\n20,,é\r\n'
TABLE = pa.table(
    {
        "run": ["a", "b", "c"],
        "params": [10, 20, 30],
        "loss": [0.5, float("nan"), None],
        "family": pa.array(["x", "x", "y"]).dictionary_encode(),
        "when": pa.array([1, 2, 3], pa.timestamp("s")),
        "list": [[1], [2], [3]],
    }
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("a, b", "a\t b").replace(",", ";").replace("\t", ",").encode(),
    ],
    ids=["plain", "bom", "utf-16", "utf-16-be", "semicolons"],
)
def test_a_csv_is_read_as_spreadsheets_write_it(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    raw = read(file)
    assert raw.kind == "csv"
    assert raw.table.to_pydict() == {"N": ["10", "20"], "loss": ["0.5", ""], "a, b": ['x "y"\nz', "é"]}
    assert [raw.called(row) for row in (0, 1)] == ["row 2", "row 4"]


def test_headers_that_are_empty_or_come_again_are_told_apart(file: Path) -> None:
    file.write_text(',a,a,column 1,"two\n lines"\n1,2,3,4,5\n')
    assert read(file).table.column_names == ["column 1", "a", "a (2)", "column 1 (2)", "two lines"]


def test_a_parquet_file_gives_its_columns_of_numbers_and_text(file: Path) -> None:
    pq.write_table(TABLE, file)
    raw = read(file)
    assert raw.kind == "parquet"
    assert raw.table.column_names == ["run", "params", "loss", "family"]
    assert raw.table["family"].to_pylist() == ["x", "x", "y"]
    assert raw.called(0) == "row 1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has a header and no row"),
        (b"\n\n", "has no header"),
        (b"a,b\n1,2\n1,2,3\n", r"row 3 has 3 cells, the header 2 cells"),
        (b"a,b\n1\n", r"row 2 has 1 cell, the header 2 cells"),
        (b'a,b\n1,"2\n3,4\n', "is no CSV that can be read"),
        (b"a,b\n1,2\xe9\n", "is no UTF-8 text"),
        (b"a,b\n" + b"1,2\n" * 2000 + b"\xe9,2\n", "is no UTF-8 text"),
        (b"\xff\xfea\0,\0b", "UTF-16|has a header and no row"),
        (b"\xff\xfea\0,\0b\0\n\0\xd8", "is no UTF-16 text"),
        (b",".join(b"x%d" % n for n in range(10**5)) + b"\n", r"100,000 columns; up to 2,000"),
        (b"," * 10**6, "has no header"),
        (b"a," + b"x" * (csv.MAX_LINE + 1), "more than 1,048,576 characters"),
        (b"a,b\n1,2\n" + b"," * (csv.MAX_LINE + 5), "more than 1,048,576 characters"),
        (b"\x7fELF\0\0\0", "is nothing that can be read"),
        (b"PK\x03\x04rest", "is a spreadsheet or an archive"),
        (b"\x1f\x8brest", "is compressed"),
        (b"\x80\x04\x95rest", "is a Python pickle"),
        (b'{"a": 1}', "is nothing that can be read"),
        (b"SQLite format 3\0" + bytes(100), "is nothing that can be read"),
        (b"PAR1", "cannot be read|no Parquet file"),
        (b"PAR1" + bytes(range(100)) + b"PAR1", "cannot be read|no Parquet file"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=words) as problem:
        read(file)
    assert str(file) in str(problem.value)
    assert "\n" not in str(problem.value)


def test_what_is_no_file_is_refused_in_a_sentence(file: Path) -> None:
    with pytest.raises(ValueError, match="is not there"):
        read(file)
    os.mkfifo(file)
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        read(file)
    with pytest.raises(ValueError, match="is nothing that can be read"):
        read(file.parent)
    for kind in kinds():
        with pytest.raises(ValueError, match=str(file.parent)):
            read(file.parent, kind)
    with pytest.raises(ValueError, match=r"kind=excel is not known; allowed: one of csv, mlflow"):
        read(file.parent, "excel")


def test_a_file_is_refused_by_its_size_before_it_is_read(file: Path) -> None:
    with file.open("wb") as opened:
        opened.truncate(MAX_BYTES + 1)
    with pytest.raises(ValueError, match=r"has 268,435,457 bytes; up to 268,435,456 are read"):
        read(file)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"n": pa.array([0]).take(pa.array([0] * (MAX_ROWS + 1)))}), "2,000,001 rows"),
        (pa.table({f"c{n}": [0] for n in range(MAX_COLUMNS + 1)}), "2,001 columns"),
        (pa.table({"when": pa.array([1], pa.timestamp("s"))}), "has no row of numbers or text"),
        (pa.table({"n": pa.array([], pa.int64())}), "has no row of numbers or text"),
    ],
    ids=["rows", "columns", "times", "nothing"],
)
def test_a_parquet_file_is_refused_by_what_it_declares(file: Path, table: pa.Table, words: str) -> None:
    pq.write_table(table, file)
    with pytest.raises(ValueError, match=words):
        read(file)


def test_a_column_of_texts_that_would_fill_the_memory_is_left_out(file: Path) -> None:
    long = pa.array(["x" * 10**6]).dictionary_encode()
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 10**6, pa.int32()), long.dictionary)
    pq.write_table(pa.table({"n": range(10**6), "text": bomb}), file, compression="zstd")
    assert file.stat().st_size < 10**7
    assert read(file).table.column_names == ["n"]


@given(
    compression=st.sampled_from(["zstd", "none"]),
    cut=st.none() | st.integers(0, 10**4),
    wrong=st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 255)), max_size=4),
)
def test_a_damaged_parquet_file_is_refused_or_read_but_never_anything_else(
    file: Path, compression: str, cut: int | None, wrong: list[tuple[int, int]]
) -> None:
    pq.write_table(TABLE, file, compression=compression)
    content = bytearray(file.read_bytes())
    for place, value in wrong:
        content[place % len(content)] = value
    file.write_bytes(content[: None if cut is None else cut % len(content)])
    with suppress(ValueError):
        raw = read(file)
        numeric(raw)
        mapped(raw, guess(raw))


ROWS = "".join(f'"r, {n}",{n + 10},0.{n}5\n' for n in range(20))


@given(cut=st.integers(0, len(ROWS)))
def test_a_csv_that_is_cut_anywhere_gives_its_first_rows_or_is_refused(file: Path, cut: int) -> None:
    file.write_text(f"run,N,loss\n{ROWS}")
    raw = read(file)
    whole = mapped(raw, guess(raw)).runs
    file.write_text(f"run,N,loss\n{ROWS[:cut]}")
    try:
        runs = mapped(read(file), Choice(size="N", loss="loss", run="run")).runs
    except ValueError:
        assert cut < len(ROWS)
        return
    assert runs[:-1] == whole[: len(runs) - 1]  # a number of the last row may have lost digits


def test_declared_bytes_beyond_the_limit_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(TABLE, file)
    monkeypatch.setattr(parquet, "MAX_DECODED", 10)
    with pytest.raises(ValueError, match="more than 10 bytes once decoded"):
        read(file)
