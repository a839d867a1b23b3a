"""Columns become runs: what a row is, what is refused and where, what is guessed from headers."""

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store.imports.choice import Choice
from store.imports.collections import ImportedRun
from store.imports.guess import guess, numeric
from store.imports.mapping import mapped
from store.imports.sources.registry import read
from store.imports.sources.source import Raw


def table(tmp_path: Path, text: str) -> Raw:
    file = tmp_path / "runs.csv"
    file.write_text(text)
    return read(file)


def test_a_row_is_a_run(tmp_path: Path) -> None:
    raw = table(tmp_path, "N,D,C,seed,loss,family,lr\n1e3,2.5e4,1.5e8,3,2.25,a,0.1\n2000,25000,3e8,4,2,b,\n")
    found = mapped(
        raw,
        Choice(
            size="N", loss="loss", data="D", data_is="tokens", compute="C", seed="seed", series="family", keep=("lr",)
        ),
    )
    assert (found.kind, found.size_is, found.data_is) == ("csv", "params", "tokens")
    assert found.runs == (
        ImportedRun(
            name="row 2", size=1000, data=25000, compute=1.5e8, seed=3, loss=2.25, series="a", others={"lr": 0.1}
        ),
        ImportedRun(name="row 3", size=2000, data=25000, compute=3e8, seed=4, loss=2, series="b", others={"lr": None}),
    )
    assert found.mapping["keep"] == ("lr",)


@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "", " ", "null", "1e999"])
def test_a_loss_that_is_empty_or_not_finite_is_a_run_without_one(tmp_path: Path, cell: str) -> None:
    raw = table(tmp_path, f"N,loss\n1,{cell}\n2, 3.5 \n")
    assert [run.loss for run in mapped(raw, Choice(size="N", loss="loss")).runs] == [None, 3.5]


@pytest.mark.parametrize("cell", ["x", "0,5", "1_000", "٣", "0x1", "=A1", "12 %", "1.2.3", "--1", "True"])
def test_a_loss_that_is_no_number_is_refused_with_its_row(tmp_path: Path, cell: str) -> None:
    raw = table(tmp_path, f'N,loss\n1,2\n\n2,"{cell}"\n')
    with pytest.raises(ValueError, match=r"loss='loss' holds what is no number in row 4 \(.*nothing was imported"):
        mapped(raw, Choice(size="N", loss="loss"))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (
            {"size": "bad"},
            r"size='bad' holds what is no number above 0 in row 2 \('0'\), row 3 \(empty\), row 4 \('-1'\)",
        ),
        ({"size": "bad", "where": ("N=1",)}, r"in row 2 \('0'\): nothing"),
        ({"data": "bad"}, r"data='bad' .* row 5 \('inf'\) and 1 more"),
        ({"compute": "bad"}, "compute='bad'"),
        ({"seed": "half"}, r"seed='half' holds what is no whole number in row 2 \('0.5'\)"),
        ({"size": "There"}, r"size='There' is no column of .*; its columns are: N, loss, bad, half"),
        ({"loss": ""}, "loss is not chosen"),
        ({"size_is": "layers"}, "size_is='layers' is not possible; allowed: params or width"),
        ({"data_is": "words"}, "data_is='words' is not possible; allowed: examples or tokens"),
        ({"keep": ("gone",)}, "keep='gone' is no column"),
        ({"series": "gone"}, "series='gone' is no column"),
        ({"size": "name:w{}"}, "needs a column that names the runs"),
        ({"size": "name:w"}, "allowed: name: and text with one {} for the number"),
        ({"where": ("N",)}, "where='N' is no condition; allowed: COLUMN=VALUE or COLUMN!=VALUE"),
        ({"where": ("gone=1",)}, "where='gone' is no column"),
        ({"where": ("N=99",)}, "No row of .* fulfils"),
        ({"run": "half"}, r"run='half' names '1' in row 3 and in row 4: choose the column of steps too"),
    ],
)
def test_what_a_column_must_not_hold_is_said_with_its_rows(
    tmp_path: Path, choice: dict[str, object], words: str
) -> None:
    raw = table(tmp_path, "N,loss,bad,half\n1,1,0,0.5\n2,1,,1\n3,1,-1,1\n4,1,inf,2\n5,1,x,3\n")
    with pytest.raises(ValueError, match=words):
        mapped(raw, Choice(**({"size": "N", "loss": "loss"} | choice)))  # type: ignore[arg-type]


def test_conditions_take_some_of_the_rows(tmp_path: Path) -> None:
    raw = table(tmp_path, "N,loss,state\n1,2,done\nx,3,running\n5,4,done\n")
    assert [run.size for run in mapped(raw, Choice(size="N", loss="loss", where=("state=done", "N!=5"))).runs] == [1]


LONG = """run,N,seed,step,tokens,loss
b,20,1,2,200,0.5
a,10,0,1,100,3
a,10,0,3,300,
b,20,1,1,100,1
a,10,0,2,200,2
c,10,0,1,100,nan
"""
RUNS = (
    ImportedRun(name="b", size=20, seed=1, data=200, loss=0.5, step=(1, 2), loss_at=(1, 0.5), data_at=(100, 200)),
    ImportedRun(name="a", size=10, seed=0, data=200, loss=2, step=(1, 2), loss_at=(3, 2), data_at=(100, 200)),
    ImportedRun(name="c", size=10, seed=0, data=100, loss=None, step=(1,), loss_at=(None,)),
)


def test_with_a_step_rows_are_points_of_runs(tmp_path: Path) -> None:
    raw = table(tmp_path, LONG)
    choice = Choice(size="N", loss="loss", data="tokens", seed="seed", step="step", run="run")
    assert mapped(raw, choice).runs == RUNS


def test_without_a_column_of_names_equal_rows_are_one_run(tmp_path: Path) -> None:
    raw = table(tmp_path, LONG)
    choice = Choice(size="N", loss="loss", seed="seed", step="step", where=("run!=c",))
    assert [(run.name, run.size, run.step) for run in mapped(raw, choice).runs] == [
        ("run 1", 20, (1, 2)),
        ("run 2", 10, (1, 2)),
    ]
    with pytest.raises(ValueError, match=r"step='step' is the same in row 3 and row 7 of one run: choose a column"):
        mapped(raw, Choice(size="N", loss="loss", seed="seed", step="step"))
    kept = mapped(raw, Choice(size="N", loss="loss", seed="seed", step="step", keep=("run",)))
    assert [run.others for run in kept.runs] == [{"run": name} for name in "bac"]


def test_a_run_has_one_size_and_one_seed(tmp_path: Path) -> None:
    raw = table(tmp_path, "run,N,step,loss\na,1,1,1\na,2,2,1\n")
    with pytest.raises(ValueError, match="size='N' differs in row 2 and row 3, which are of one run 'a'"):
        mapped(raw, Choice(size="N", loss="loss", step="step", run="run"))


def test_csv_and_parquet_of_the_same_numbers_are_the_same_runs(tmp_path: Path) -> None:
    raw = table(tmp_path, LONG)
    choice = Choice(size="N", loss="loss", data="tokens", seed="seed", step="step", run="run")
    columns = {name: column.to_pylist() for name, column in zip(raw.table.column_names, raw.table.columns, strict=True)}
    numbers = {name: [float(v) if v else None for v in columns[name]] for name in raw.table.column_names[1:]}
    pq.write_table(pa.table({"run": columns["run"], **numbers}), tmp_path / "runs.parquet")
    other = mapped(read(tmp_path / "runs.parquet"), choice)
    assert other.kind == "parquet"
    assert other.key == mapped(raw, choice).key


def test_a_size_is_found_in_the_name_of_a_run(tmp_path: Path) -> None:
    raw = table(tmp_path, "run,loss\ngpt-124M-s1,3\ngpt-1.3b-s2,2\ngpt-70k-s3,4\ngpt-5e3-s10,5\n")
    found = mapped(raw, Choice(size="name:gpt-{}", loss="loss", seed="name:-s{}", run="run"))
    assert [run.size for run in found.runs] == pytest.approx([124e6, 1.3e9, 70e3, 5e3], rel=1e-12)
    assert [run.seed for run in found.runs] == [1, 2, 3, 10]
    with pytest.raises(ValueError, match=r"size='name:bert-\{\}' holds what is no number above 0 in row 2 "):
        mapped(raw, Choice(size="name:bert-{}", loss="loss", run="run"))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("N,D,C,loss,seed", "N params D tokens C loss seed"),
        ("Model_Size,Training-Tokens,FLOPs,loss", "Model_Size params Training-Tokens tokens FLOPs loss -"),
        ("n_params,examples,val_loss,test_loss", "n_params params examples examples - val_loss -"),
        ("d_model,lr,train_loss", "d_model width - examples - train_loss -"),
        ("params.width,metrics.loss", "params.width width - examples - metrics.loss -"),
        ("x,y", "- params - examples - - -"),
    ],
)
def test_headers_suggest_columns(tmp_path: Path, header: str, expected: str) -> None:
    found = guess(table(tmp_path, header + "\n" + ",".join("1" for _ in header.split(",")) + "\n"))
    said = [found.size, found.size_is, found.data, found.data_is, found.compute, found.loss, found.seed]
    assert [name or "-" for name in said] == expected.split()


def test_a_name_that_comes_again_is_suggested_for_points_alone(tmp_path: Path) -> None:
    assert guess(table(tmp_path, "name,n,loss\na,1,1\na,2,1\n")).run == ""
    assert guess(table(tmp_path, "name,n,loss\na,1,1\nb,2,1\n")).run == "name"
    found = guess(table(tmp_path, "name,n,step,loss\na,1,1,1\na,1,2,1\n"))
    assert (found.run, found.step) == ("name", "step")


def test_columns_with_numbers_are_told_from_text(tmp_path: Path) -> None:
    assert numeric(table(tmp_path, "a,b,c\n1,x,\n,y,\n")) == ["a"]


def test_text_that_is_too_long_and_too_many_runs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = table(tmp_path, f"n,loss,run\n1,1,{'x' * 1001}\n2,1,y\n")
    with pytest.raises(ValueError, match=r"'run' has a text of more than 1,000 characters in row 2"):
        mapped(raw, Choice(size="n", loss="loss", run="run"))
    monkeypatch.setattr("store.imports.runs.MAX_RUNS", 1)
    with pytest.raises(ValueError, match=r"would make 2 runs; up to 1 are imported"):
        mapped(raw, Choice(size="n", loss="loss"))
    assert math.isfinite(mapped(raw, Choice(size="n", loss="loss", where=("n=1",))).runs[0].size)
