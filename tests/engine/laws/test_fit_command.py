"""`python -m engine fit`: what it prints, and what it says of bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.commands.main import main
from engine.laws import catalog


@pytest.fixture
def table(tmp_path: Path) -> Path:
    n = np.repeat(np.geomspace(1e3, 1e6, 8), 3)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.002, len(n)))
    lines = [f"{size},{loss}" for size, loss in zip(n, (1.5 + 300 * n**-0.5) * noise, strict=True)]
    file = tmp_path / "runs.csv"
    file.write_text("\n".join(["﻿params,val loss", *lines, "", "1e7,nan", "2e7,"]))
    return file


def test_one_json_object_and_nothing_else(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--law", "power-offset", "--n", "params", "--loss", "val loss", "--bootstrap", "50", "--json"]
    assert main(["fit", "--csv", str(table), *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["law"] == "power-offset"
    assert found["n"] == 24
    assert found["dropped"] == [{"rows": [24, 25], "reason": "a value is missing, not finite, or not above 0"}]
    assert set(found["estimates"]) == set(found["intervals"]) == {"E", "A", "alpha"}
    assert found["estimates"]["alpha"] == pytest.approx(0.5, abs=0.02)
    assert len(found["held_out"]["sizes"]) == 2
    assert found["starts"]["tried"] >= found["starts"]["reached_best"] > 1
    assert found["refusals"] == []


def test_the_same_seed_gives_the_same_intervals(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--law", "power", "--n", "params", "--loss", "val loss", "--bootstrap", "20", "--json", "--seed"]
    found = []
    for seed in ("1", "1", "2"):
        assert main(["fit", "--csv", str(table), *options, seed]) == 0
        found.append(json.loads(capsys.readouterr().out)["intervals"])
    assert found[0] == found[1] != found[2]


def test_words_say_what_was_found_and_refused(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--csv", str(table), "--law", "power", "--n", "params", "--loss", "val loss"]) == 0
    out = capsys.readouterr().out
    assert "Power law: L(N) = A·N^−alpha" in out
    assert "dropped    2: a value is missing" in out
    assert "held out   the 2 largest sizes" in out
    assert "refused    On the 2 largest held out it errs by" in out


def test_laws_are_ranked_by_what_they_had_not_seen_beside_the_flat_line(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["fit", "--csv", str(table), "--n", "params", "--loss", "val loss", "--compare"]
    every = catalog.comparable
    slow = ("broken", "sigmoid", "saturating")
    monkeypatch.setattr(catalog, "comparable", lambda rows: [law for law in every(rows) if law not in slow])
    assert main([*options, "--json"]) == 0
    ranked = json.loads(capsys.readouterr().out)["compared"]
    errors = {one["law"]: one["held_out_error"] for one in ranked}
    assert list(errors.values()) == sorted(errors.values())
    assert errors["power-offset"] < errors["flat"] < errors["power"]
    monkeypatch.setattr(catalog, "comparable", lambda rows: ["flat", "power-offset"])  # the others take seconds
    assert main([*options, "--law", "power"]) == 0
    out = capsys.readouterr().out
    assert "Power law: L(N) = A·N^−alpha" in out
    assert out.index("\npower-offset ") < out.index("\nflat ")
    assert main(options[:-1]) == 2
    assert "law is not chosen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("params,loss\n1,2\n", ["--n", "size", "--loss", "loss"], "column=size is not in"),
        ("params,loss\n1,2\n2,1\n", ["--n", "params", "--loss", "loss"], "2 rows are too few"),
        ("params,loss\n1\n", ["--n", "params", "--loss", "loss"], "line 2"),
        ("params,loss\n", ["--n", "params", "--loss", "loss"], "has no rows"),
        ("", ["--n", "params", "--loss", "loss"], "a first line that names each column"),
        ("a,a\n1,2\n", ["--n", "a", "--loss", "a"], "a first line that names each column"),
        (b"\xff\xfe\x00", ["--n", "a", "--loss", "a"], "not a CSV file"),
        (None, ["--n", "a", "--loss", "a"], "cannot be read"),
    ],
)
def test_bad_input_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes | None, options: list[str], words: str
) -> None:
    file = tmp_path / "bad.csv"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    assert main(["fit", "--csv", str(file), "--law", "power", *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("error: ")
