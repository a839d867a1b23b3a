"""Crashes of workers: for lack of memory, by a fault, by a plain kill; what becomes of the bucket they had."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from engine.queue import heartbeat
from engine.queue.crashes import MOST_CRASHES, Crashes
from engine.queue.jobs import Queue
from engine.queue.worker import Worker
from engine.spec.result import RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.engine.queue.test_worker import Memory

ROOT = Path(__file__).parents[3]
RUNS = SweepSpec.of({"width": 2, "seed": (0, 1, 2, 3), "steps": 20}).runs()

DIES = """
import os, signal, sys
from pathlib import Path
from engine.queue.crashes import Crashes
from engine.queue.heartbeat import Heartbeat
for line in sys.stdin:
    how, kills, home, *keys = line.rstrip("\\n").split("\\t")
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    Crashes(Path(home)).log_faults(0)
    beating = Heartbeat(Path(home), 0, kills=lambda: int(kills))
    beating.publish({1: ["someone else's"], 2: keys})
    beating.set_current(2)
    os.kill(os.getpid(), getattr(signal, how))
"""

Die = Callable[..., None]


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


@pytest.fixture
def die(tmp_path: Path) -> Iterator[Die]:
    """Lets a process die as a worker of slot 0 that trains runs; `kills`: the system's count so far."""
    command = [sys.executable, "-c", DIES]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        sent, said = process.stdin, process.stdout
        assert sent is not None
        assert said is not None

        def once(runs: Sequence[RunSpec], how: str = "SIGKILL", kills: int = 0) -> None:
            print(how, kills, tmp_path, *(run.key for run in runs), sep="\t", file=sent, flush=True)
            assert int(said.readline()) == -getattr(signal, how)

        yield once
        sent.close()


def _parts(home: Path, runs: Sequence[RunSpec]) -> list[int]:
    return [len(part) for part in Crashes(home).parts(runs)]


def test_three_kills_for_lack_of_memory_cut_a_bucket_in_half_then_fail_its_run(
    tmp_path: Path, queue: Queue, die: Die
) -> None:
    begun = list(RUNS)
    for most in (4, 2, 1):
        for _ in range(MOST_CRASHES):
            assert len(begun) == most
            assert Crashes(tmp_path).reason_to_fail(RUNS[0]) == ""
            die(begun)
            Crashes(tmp_path).examine(0, kills=lambda: 1)
        begun = Crashes(tmp_path).parts(begun)[0]
    assert _parts(tmp_path, RUNS) == [1, 1, 2]  # seeds 2 and 3 have not been tried since the first cut
    said = Crashes(tmp_path).reason_to_fail(RUNS[0])
    assert said.startswith("The system ended the worker 3 times over this run for lack of memory; it needs about ")
    assert said.endswith(" or close other programs, then retry.")
    assert [Crashes(tmp_path).reason_to_fail(run) for run in RUNS[1:]] == ["", "", ""]


def test_a_plain_kill_says_nothing_about_the_bucket(tmp_path: Path, queue: Queue, die: Die) -> None:
    for _ in range(2 * MOST_CRASHES):
        die(RUNS[:1], kills=4)
        Crashes(tmp_path).examine(0, kills=lambda: 4)
    assert not Crashes(tmp_path).suspects(RUNS)
    assert Crashes(tmp_path).reason_to_fail(RUNS[0]) == ""


@pytest.mark.parametrize(("how", "name"), [("SIGSEGV", "Segmentation fault"), ("SIGABRT", "Aborted")])
def test_crashes_over_one_run_fail_it_with_their_own_reason(
    tmp_path: Path, queue: Queue, die: Die, how: str, name: str
) -> None:
    for _ in range(MOST_CRASHES):
        assert Crashes(tmp_path).reason_to_fail(RUNS[0]) == ""
        die(RUNS[:1], how)
        Crashes(tmp_path).examine(0, kills=lambda: 0)
    said = Crashes(tmp_path).reason_to_fail(RUNS[0])
    assert said.startswith(f"The worker crashed 3 times over this run ({name}). Retry; ")


def test_a_worker_that_left_by_itself_died_over_nothing(tmp_path: Path, queue: Queue) -> None:
    beating = heartbeat.Heartbeat(tmp_path, 0, kills=lambda: 0)
    beating.publish({2: [RUNS[0].key]})
    beating.set_current(2)
    beating.close()
    Crashes(tmp_path).examine(0, kills=lambda: 9)
    assert not Crashes(tmp_path).suspects(RUNS)


def test_who_is_submitted_again_begins_anew(tmp_path: Path, queue: Queue) -> None:
    _condemn(tmp_path, RUNS[0])
    assert Crashes(tmp_path).reason_to_fail(RUNS[0])
    queue.submit("sweep", RUNS)
    assert not Crashes(tmp_path).suspects(RUNS)


def test_a_condemned_run_fails_with_its_reason_and_its_neighbours_train(tmp_path: Path, queue: Queue) -> None:
    queue.submit("sweep", RUNS)
    _condemn(tmp_path, RUNS[1])
    sink = Memory()
    worker = Worker(queue, sink, 0, "cpu", "cpu")
    worker.work(linger=0)
    worker.close()
    assert [sink.results[run.key].state for run in RUNS] == [
        RunState.FINISHED if run is not RUNS[1] else RunState.FAILED for run in RUNS
    ]
    assert "for lack of memory" in sink.results[RUNS[1].key].error
    assert not Crashes(tmp_path).suspects(RUNS)
    assert not queue.jobs()


def _condemn(home: Path, run: RunSpec) -> None:
    for _ in range(MOST_CRASHES):
        beating = heartbeat.Heartbeat(home, 0, kills=lambda: 0)
        beating.publish({1: [run.key]})
        beating.set_current(1)
        for name in ("json", "pulse"):  # as a kill leaves them
            path = home / "queue" / f"worker-0.{name}"
            os.link(path, path.with_suffix(f".{name}.kept"))
        beating.close()
        for name in ("json", "pulse"):
            path = home / "queue" / f"worker-0.{name}"
            path.with_suffix(f".{name}.kept").rename(path)
        Crashes(home).examine(0, kills=lambda: 1)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"a": 1}', '{"a": {"deaths": "x", "most": 1, "cause": ""}}'])
def test_rubbish_in_place_of_the_records_is_no_record(tmp_path: Path, queue: Queue, text: str) -> None:
    (tmp_path / "queue" / "deaths.json").write_text(text)
    assert _parts(tmp_path, RUNS) == [4]
    _condemn(tmp_path, RUNS[0])
    assert Crashes(tmp_path).reason_to_fail(RUNS[0])
