"""Kill -9 of the command line, of workers, of both: what had finished is there, the rest trains again, alike."""

import io
import json
import math
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect

from engine.commands.main import main
from engine.queue.supervisor import Supervisor
from engine.spec.run import RunSpec
from engine.spec.sweep import parse_settings
from store.db import integrity
from store.db.connection import Database
from store.results import queries
from store.results.spool import Spool, ingest
from tests import homes
from tests.processes import workers
from tests.store.fakes import result

ROOT = Path(__file__).parent.parent
SETTINGS = {"width": "2,5", "steps": "50,100,200,400,800,1600", "seed": "0..1"}


CHANGES = [part for name, text in SETTINGS.items() for part in ("--set", f"{name}={text}")]
SWEEP = ["sweep", "moons-overfitting", *CHANGES, "--set", "dataset=digits", "--json"]


def _sweep(home: Path, workers: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "engine", *SWEEP],
        cwd=ROOT,
        env=os.environ
        | {"SCALESCOPE_HOME": str(home), "SCALESCOPE_GALLERY": str(home / "none"), "SCALESCOPE_WORKERS": str(workers)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _finish(home: Path, workers: int) -> dict[str, dict[str, Any]]:
    with _sweep(home, workers) as process:
        out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return {run["key"]: run for run in json.loads(out)["runs"]}


def _untouched(home: Path) -> dict[str, dict[str, Any]]:
    """Do the same in this process, which nobody kills."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setenv("SCALESCOPE_HOME", str(home))
        patch.setenv("SCALESCOPE_GALLERY", str(home / "none"))
        patch.setattr(Supervisor, "tend", lambda _: homes.train_queued(home))
        assert main(SWEEP) == 0
    return {run["key"]: run for run in json.loads(out.getvalue())["runs"]}


def _runs() -> tuple[RunSpec, ...]:
    settings = {"dataset": "digits", "dataset_size": "100", "label_noise": "0.2", "lr": "0.02", "batch_size": "100"}
    return parse_settings(settings | SETTINGS).runs()


def _done(home: Path) -> dict[str, float]:
    table = queries.runs_at(Database(home), _runs())
    done = table[table["state"] == "finished"]
    return dict(zip(done["key"], done["test_loss"], strict=True))


def _predictions(home: Path) -> dict[str, bytes]:
    db = Database(home)
    ingest(db)
    found = queries.predictions(db, _runs())
    assert len(found) == 24
    return {key: kept["answers"].tobytes() + kept["outputs"].tobytes() for key, kept in found.items()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kills", "processes"), [(1, 1), pytest.param(40, 2, marks=pytest.mark.long)])
def test_whatever_is_killed_nothing_finished_is_lost_and_the_end_is_the_same(
    tmp_path: Path, chance: random.Random, kills: int, processes: int
) -> None:
    home = tmp_path / "home"
    homes.fresh(home)
    safe: dict[str, float] = {}
    begin = chance.randrange(3)
    for kill in range(begin, begin + kills):
        process = _sweep(home, processes)
        time.sleep(chance.uniform(1.0, 6.0))
        victims = [process.pid] * (kill % 3 != 0) + sorted(workers(home)) * (kill % 3 != 1)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        now = _done(home)
        assert {key: now.get(key) for key in safe} == safe, "a finished run was lost or changed"
        safe = now
        if process.poll() is None and kill % 3 == 0:
            process.kill()  # it would have gone on with new workers
        process.communicate()
    interrupted = _finish(home, processes)
    for pid in workers(home):
        os.kill(pid, signal.SIGKILL)
    untouched = _untouched(tmp_path / "other")
    assert _predictions(home) == _predictions(tmp_path / "other")
    assert len(interrupted) == 24
    for key, run in interrupted.items():
        assert run["state"] == "finished"
        assert {n: v for n, v in run.items() if n != "seconds"} == {
            n: v for n, v in untouched[key].items() if n != "seconds"
        }


def _app(home: Path, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"],
        cwd=ROOT,
        env=os.environ | {"SCALESCOPE_HOME": str(home), "SCALESCOPE_GALLERY": str(home / "none")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def _visiting(port: int) -> Iterator[Callable[[], None]]:
    """Open Explore as a browser does, and stay; gives what looks again, as a browser does time after time."""
    ask = BackMsg()
    ask.rerun_script.query_string = ""
    deadline = time.monotonic() + 120
    while True:
        try:
            # Nobody reads what the app sends, so it must neither be held up by that nor be asked for an answer.
            unread: Any = {"max_size": None, "max_queue": None, "ping_interval": None}
            page = connect(f"ws://127.0.0.1:{port}/_stcore/stream", proxy=None, close_timeout=1, **unread)
            break
        except (OSError, WebSocketException):
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
    with suppress(ConnectionClosed), page:
        page.send(ask.SerializeToString())
        yield lambda: page.send(ask.SerializeToString())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [1, pytest.param(15, marks=pytest.mark.long)])
def test_the_app_killed_while_it_takes_results_in_loses_none_of_them(
    tmp_path: Path, chance: random.Random, kills: int
) -> None:
    home = tmp_path / "home"
    db = homes.fresh(home)
    worker, put = Spool(db, "w"), list[RunSpec]()

    def taken_in() -> int:
        return len(put) - sum(path.is_file() for path in db.spool.iterdir())

    for kill in range(kills):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = _app(home, port)
        try:
            with _visiting(port) as look_again:
                before: float = taken_in()
                until, look_at, pause = time.monotonic() + 120, 0.0, 0.2
                while time.monotonic() < until:
                    if taken_in() > before:  # it has begun
                        before, until = math.inf, time.monotonic() + chance.uniform(0.0, 0.5)
                    if len(put) < 12 * (kill + 1):
                        put.append(RunSpec(width=1 + len(put), steps=100))
                        worker.put([result(put[-1])])
                    elif time.monotonic() > look_at:  # less and less often: each look ends the one before
                        look_again()
                        pause *= 1.5
                        look_at = time.monotonic() + pause
                    time.sleep(0.02)
                server.kill()
        finally:
            server.kill()
            server.wait()
        found = queries.runs_at(db, put)
        assert before == math.inf, "the app took nothing in"
        assert list(found["state"]) == ["finished"] * len(put)
        assert integrity.lost(db) == ""
    assert put
    ingest(db)
    with db.reading() as con:
        both = con.execute(
            "SELECT count(*), count(key), count(step) FROM runs FULL JOIN curves USING (run_id)"
        ).fetchall()
    assert both == [(len(put),) * 3]
