"""`python -m engine queue`: what it lists, adds, pauses, resumes, cancels and retries, by name, key or job."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from engine.commands.main import main
from engine.plan import memory
from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
from engine.spec.result import RunState
from engine.spec.sweep import SweepSpec
from store.db.connection import Database
from store.library import sweeps
from tests import homes
from tests.pages import made_up
from tests.processes import workers
from tests.store.fakes import listed

ROOT = Path(__file__).parents[3]
SWEEP = SweepSpec.of({"dataset": "moons", "width": (2, 4), "seed": (0, 1), "steps": 20})
KEYS = SWEEP.runs()
SMALL = ["--set", "dataset=moons", "--set", "width=2,4", "--set", "steps=20", "--set", "dataset_size=50"]


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    monkeypatch.setattr(Supervisor, "tend", lambda supervisor: None)  # nothing is to train here
    return homes.fresh(tmp_path)


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["queue", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_add_queues_what_is_missing_and_does_not_wait(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    answer = _json(capsys, "add", "digits-double-descent", *SMALL, "--seeds", "2")
    assert answer["queued"] == 4
    (row,) = _json(capsys)
    assert (row["job"], row["sweep"]) == (answer["job"], answer["sweep"])
    assert (row["state"], row["runs"], row["done"], row["failed"], row["workers"]) == ("waiting", 4, 0, 0, [])
    assert row["name"] == listed(db)["name"][0]
    again = _json(capsys, "add", "digits-double-descent", *SMALL, "--seeds", "2")
    assert (again["queued"], again["job"]) == (0, None)  # it is in the queue already
    more = _json(capsys, "add", "digits-double-descent", *SMALL, "--seeds", "3")
    assert more["queued"] == 2
    assert len(_json(capsys, "list")) == 2


def test_a_sweep_is_paused_resumed_and_cancelled_by_name_key_or_job(
    db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up.put(db, [made_up.result(KEYS[0])])
    sweep_id = sweeps.save_sweep(db, SWEEP, "Mine")
    assert _json(capsys, "add", "Mine")["queued"] == 3
    (job,) = Queue(db.home).jobs()
    for by in ("Mine", sweep_id, job.id, job.id[-8:]):
        for action, state in (("pause", "paused"), ("resume", "waiting")):
            assert _json(capsys, action, by) == {"jobs": [job.id]}
            assert [row["state"] for row in _json(capsys)] == [state]
    assert _json(capsys, "cancel", "Mine") == {"jobs": [job.id]}
    assert _json(capsys) == []
    assert _json(capsys, "add", sweep_id)["queued"] == 3  # what has finished is kept
    (job,) = Queue(db.home).jobs()
    assert _json(capsys, "cancel", job.id[-8:]) == {"jobs": [job.id]}
    assert Queue(db.home).jobs() == []


def test_retry_queues_the_failed_runs_alone(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    failed = made_up.result(KEYS[1], RunState.FAILED, "It is unlucky.")
    made_up.put(db, [made_up.result(KEYS[0]), failed])
    sweeps.save_sweep(db, SWEEP, "Mine")
    assert _json(capsys, "retry", "Mine")["queued"] == 1
    (job,) = Queue(db.home).jobs()
    assert job.runs == (KEYS[1],)
    made_up.put(db, [failed])
    assert _json(capsys, "retry", "Mine")["queued"] == 1  # it has failed again, beside others of its job
    assert main(["queue", "retry", "Mine"]) == 0
    assert "No run of this sweep has failed" in capsys.readouterr().out


def test_the_list_says_how_many_are_done_and_have_failed(db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    sweeps.save_sweep(db, SWEEP, "Mine")
    _json(capsys, "add", "Mine")
    made_up.put(db, [made_up.result(KEYS[0]), made_up.result(KEYS[1], RunState.FAILED, "No.")])
    (row,) = _json(capsys)
    assert (row["done"], row["failed"], row["runs"]) == (1, 1, 4)
    assert main(["queue"]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["job", "state", "done/runs", "failed", "workers", "name"]
    assert line.split() == [row["job"][-8:], "waiting", "1/4", "1", "-", "Mine"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "nope"], "sweep='nope' is not known; there are: 'Mine'. Presets: addition-exact-match, "),
        (["add", "Mine", "--set", "width=0"], "width=0 is not possible; allowed: a whole number"),
        (["pause", "Mine"], "sweep='Mine' has no job in the queue; `scalescope queue` lists those there are."),
        (["cancel", ""], "is not known"),
        (["retry", "nope"], "sweep='nope' is not known"),
    ],
)
def test_bad_input_gets_one_sentence(
    db: Database, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    sweeps.save_sweep(db, SWEEP, "Mine")
    assert main(["queue", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", [["queue", "add"], ["sweep"]])
def test_what_cannot_fit_into_memory_is_refused_before_it_starts(
    db: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(memory, "available", lambda root: 2**28)
    assert main([*command, "digits-double-descent", "--set", "width=4,2048"]) == 2
    err = capsys.readouterr().err
    assert "error: mlp of width 2048 and depth 1 with batch size 256 needs about " in err
    assert "and this machine has 256 MiB: take a smaller width" in err
    assert Queue(db.home).jobs() == []


def test_what_is_added_trains_after_the_command_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("HOME", str(tmp_path)), ("GALLERY", str(tmp_path / "none")), ("WORKERS", "1")):
        monkeypatch.setenv(f"SCALESCOPE_{name}", value)
    homes.fresh(tmp_path)
    small, queue = ("add", "digits-double-descent", *SMALL, "--seeds", "2"), Queue(tmp_path)

    def ended(*arguments: str) -> Any:
        command = [sys.executable, "-m", "engine", "queue", *arguments, "--json"]
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=-1, stderr=-3).stdout)

    with monkeypatch.context() as patch:
        patch.setattr(Supervisor, "tend", lambda supervisor: None)  # the other command is to start the worker
        job = _json(capsys, "add", "digits-double-descent", *SMALL, "--set", "steps=1000000")["job"]
    assert ended(*small)["queued"] == 4
    begin = time.monotonic()
    while [each.id for each in queue.jobs()] != [job] or not any(each.buckets for each in Supervisor(queue).workers()):
        assert time.monotonic() - begin < 120
        time.sleep(0.1)
    assert _json(capsys, *small)["queued"] == 0
    (found,) = _json(capsys)
    (pid,) = workers(tmp_path)
    assert (found["job"], found["state"], found["workers"]) == (job, "training", [{"slot": 0, "pid": pid}])
    assert _json(capsys, "cancel", job[-8:]) == {"jobs": [job]}
    assert _json(capsys) == []
