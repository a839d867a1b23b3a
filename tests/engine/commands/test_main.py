"""The command line from outside: costs, results, bad input, interruption, and two of it at once."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.commands.arguments import changed
from engine.commands.main import main
from engine.queue.supervisor import Supervisor
from engine.spec import registry
from engine.spec.result import METRICS
from store.results import runs
from tests import homes
from tests.processes import workers

ROOT = Path(__file__).parents[3]
SMALL = ["--set", "width=2,3", "--set", "steps=30", "--seeds", "2"]
SWEEP = ["sweep", "digits-double-descent", *SMALL]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    monkeypatch.setenv("SCALESCOPE_WORKERS", "1")
    return tmp_path


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home in which SWEEP is trained, for copying, and what the command said of it."""
    made = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALESCOPE_HOME", str(made))
        patch.setenv("SCALESCOPE_GALLERY", str(made / "none"))
        patch.setattr(Supervisor, "tend", lambda _: homes.train_queued(made))
        return made, _said(_here(*SWEEP, "--json"))


@pytest.fixture
def trained(home: Path, trained_once: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    """What the command said of SWEEP, whose results are in `home`."""
    made, said = trained_once
    shutil.copytree(made, home, dirs_exist_ok=True)
    return said


@pytest.fixture
def trains_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train in this process."""
    monkeypatch.setattr(Supervisor, "tend", lambda _: homes.train_queued(home))


def _start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "engine", *arguments]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _here(*arguments: str) -> tuple[int, str, str]:
    """Run a command in this process, for what starts no worker, or where one works here."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


def _said(answer: tuple[int, str, str]) -> dict[str, Any]:
    """Return the one JSON object that a command has printed."""
    code, out, err = answer
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_sweep_trains_what_is_missing_and_nothing_twice(trained: dict[str, Any], trains_here: None) -> None:
    first = trained
    assert (first["trained"], first["cached"]) == (4, 0)
    for run in first["runs"]:
        assert run["state"] == "finished"
        assert {"key", "arch", "width", "depth", "seed", "params", *METRICS} <= set(run)
        assert 0 < run["test_loss"] < 10
        assert run["examples_seen"] == 30 * 256
        assert run["flops_spent"] == run["train_flops"] > 0
        assert run["seconds"] > 0
        assert run["test_accuracy"] == 1 - run["test_error"]
    again = _said(_here(*SWEEP, "--seeds", "3", "--json"))
    assert (again["trained"], again["cached"]) == (2, 4)
    shared = {run["key"]: run for run in again["runs"]}
    assert all(shared[run["key"]]["test_loss"] == run["test_loss"] for run in first["runs"])


def test_one_minus_error_is_named_by_the_loss(trains_here: None) -> None:
    changes = ["--set", "dataset=diabetes,digits", "--set", "dataset_size=50", "--set", "label_noise=0"]
    for run in _said(_here(*SWEEP, *changes, "--json"))["runs"]:
        name, other = ("test_r2", "test_accuracy")[:: 1 if run["dataset"] == "diabetes" else -1]
        assert run[name] == 1 - run["test_error"]
        assert other not in run


def test_the_predictions_of_a_sweep_are_written_with_their_labels(
    home: Path, trained: dict[str, Any], tmp_path: Path
) -> None:
    path, runs = tmp_path / "predictions", trained["runs"]
    assert _here(*SWEEP, "--predictions", str(path))[0] == 0
    with np.load(path) as found:
        assert set(found) == {f"{run['key']}.{name}" for run in runs for name in ("outputs", "answers", "labels")}
        for run in runs:
            wrong = found[f"{run['key']}.answers"] != found[f"{run['key']}.labels"]
            assert np.float32(wrong.mean()) == run["test_error"]
    code, _, err = _here(*SWEEP, "--predictions", str(home / "none" / "file.npz"))
    assert code == 2
    assert "none/file.npz cannot be written: No such file or directory." in err


def test_without_room_for_predictions_there_are_none_and_it_is_said(
    trains_here: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCALESCOPE_PREDICTIONS", "0")
    code, _, err = _here(*SWEEP, "--predictions", str(tmp_path / "file.npz"))
    assert code == 0
    assert "Predictions of 0 of 4 runs are in" in err
    assert "found no room" in err


def test_the_weights_of_a_run_are_exported_by_its_key(
    trained: dict[str, Any], trains_here: None, tmp_path: Path
) -> None:
    run, *_ = _said(_here(*SWEEP, "--set", "keep_weights=on", "--json"))["runs"]
    path = tmp_path / "weights"
    code, out, err = _here("weights", run["key"], str(path))
    assert (code, out, err) == (0, "", f"4 parameters are in {path}.\n")
    with np.load(path) as found:
        assert sum(found[name].size for name in found) == run["params"]
    other, *_ = trained["runs"]
    assert other["test_loss"] == run["test_loss"]
    code, _, err = _here("weights", other["key"], str(path))
    assert code == 2
    assert err.startswith(f"error: KEY={other['key']} has no weights; allowed: the key of a run that was trained with")


def test_a_dry_run_says_the_cost_and_starts_nothing(home: Path) -> None:
    code, out, err = _here(*SWEEP, "--dry-run")
    assert (code, out) == (0, "")
    assert err.startswith("4 runs: 0 cached, 4 to train, about ")
    assert not list((home / "logs").iterdir()) if (home / "logs").exists() else True


def test_without_json_a_table_of_means_by_size_is_printed(trained: dict[str, Any]) -> None:
    code, out, _ = _here(*SWEEP)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["width", "params", "runs"]
    assert [line.split()[:3] for line in lines[1:3]] == [["2", "160", "2"], ["3", "235", "2"]]
    assert "±" in lines[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sweep", "nope"], "preset=nope is not known; allowed: one of addition-exact-match, addition-transformer"),
        ([*SWEEP, "--set", "width=0"], "width=0 is not possible; allowed: a whole number from 1 to 2048."),
        ([*SWEEP, "--set", "width=1000000"], "width=1000000 is not possible"),
        ([*SWEEP, "--set", "width=abc"], "width=abc is not possible"),
        ([*SWEEP, "--set", "lr=nan"], "lr=nan is not possible; allowed: a number above 0 to 100."),
        ([*SWEEP, "--set", "colour=red"], "colour=red is not a setting of mlp on digits; allowed: dataset,"),
        ([*SWEEP, "--set", "width"], "--set width has no value; allowed: KNOB=VALUE"),
        ([*SWEEP, "--seeds", "0"], "--seeds 0 is not possible; allowed: a whole number from 1 to 10000."),
        ([*SWEEP, "--set", "width=1..1000", "--seeds", "1000", "--set", "data_seed=0..999"], "1,000,000,000 runs"),
        (["bench", "--workload", "nope"], "--workload nope is not known; allowed: one of preset"),
    ],
)
def test_bad_input_gets_one_sentence_and_starts_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (home / "queue").exists()


@pytest.mark.parametrize(
    "command",
    [
        SWEEP,
        ["weights", "0" * 32, "file.npz"],
        ["queue", "list"],
        ["verdicts", "digits-double-descent"],
        ["worker", "--slot", "0"],
    ],
    ids=lambda command: command[0],
)
def test_a_home_that_cannot_be_used_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path / "file"))
    code = main(command)
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["engine", "list"], ["store", "list", "--json"]], ids=lambda command: command[0])
def test_whoever_reads_may_stop_reading(home: Path, command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        ended = subprocess.run(
            [sys.executable, "-m", *command], cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_ctrl_c_keeps_what_has_finished(home: Path, heard: None) -> None:
    db = homes.fresh(home)
    wanted = changed(registry.preset(SWEEP[1]).settings, ["width=64", "steps=30,1000000"], "2").runs()
    with _start(*SWEEP, "--set", "width=64", "--set", "steps=30,1000000") as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and len(runs.missing(db, wanted)) > 2:
            time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Stopped: 2 of 4 runs are kept." in err
    assert "Traceback" not in out + err
    assert not list((home / "queue" / "jobs").iterdir())


def test_two_command_lines_on_one_store_share_the_work(home: Path) -> None:
    with _start(*SWEEP, "--seeds", "4", "--json") as one, _start(*SWEEP, "--seeds", "4", "--json") as two:
        answers = [json.loads(process.communicate(timeout=240)[0]) for process in (one, two)]
    assert [process.returncode for process in (one, two)] == [0, 0]
    assert answers[0]["runs"] == answers[1]["runs"]
    assert {run["state"] for run in answers[0]["runs"]} == {"finished"}


def test_a_killed_worker_is_replaced_and_its_runs_train_again(home: Path) -> None:
    with _start(*SWEEP, "--set", "width=2,3,4,5", "--set", "steps=20000", "--json") as process:
        killed: set[int] = set()
        deadline = time.monotonic() + 120
        while not killed and process.poll() is None and time.monotonic() < deadline:
            for pid in workers(home) - killed:
                time.sleep(1.0)
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            time.sleep(0.1)
        out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert killed
    assert {run["state"] for run in json.loads(out)["runs"]} == {"finished"}
