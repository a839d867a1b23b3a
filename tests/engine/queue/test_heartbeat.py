"""What workers leave for others: who they are, a pulse, and whether it stands still by the clock of who looks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.queue import heartbeat
from engine.queue.heartbeat import Heartbeat, Monitor, read, start_stamp
from engine.queue.jobs import Queue
from engine.queue.locks import Claims, slot_lock
from engine.queue.supervisor import Supervisor
from engine.spec.sweep import SweepSpec

ROOT = Path(__file__).parents[3]
RUNS = SweepSpec.of({"width": 2, "seed": tuple(range(200))}).runs()

AT_WORK = """
import sys, time
from pathlib import Path
from engine.queue.locks import Claims, slot_lock
from engine.queue.heartbeat import Heartbeat
from engine.spec.sweep import SweepSpec
home = Path(sys.argv[1])
claims, runs = Claims(home), SweepSpec.of({"width": 2, "seed": tuple(range(200))}).runs()
with slot_lock(home, 0) as free:
    beating = Heartbeat(home, 0)
    beating.start(lambda: None)
    beating.publish({1: [run.key for run in runs]})
    print(free and all([claims.take(run) for run in runs]), flush=True)
    time.sleep(120)
"""
TAKE_ALL = """
import sys, time
from pathlib import Path
from engine.queue.locks import Claims
from engine.spec.sweep import SweepSpec
claims, runs = Claims(Path(sys.argv[1])), SweepSpec.of({"width": 2, "seed": tuple(range(200))}).runs()
taken = set()
print("ready", flush=True)
while not Path(sys.argv[1], "over").exists():
    taken |= {run.seed for run in runs if run.seed not in taken and claims.take(run)}
print(*sorted(taken), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in slot 0 that has claimed RUNS and shows a pulse."""
    Queue(tmp_path)
    with subprocess.Popen([sys.executable, "-c", AT_WORK, tmp_path], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"True\n"
        yield process
        process.kill()


def _becomes_zombie(pid: int) -> None:
    """Wait until the process and all its threads have ended; nobody has asked how yet."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE and process.num_threads() == 1:
                return
        except psutil.ZombieProcess:  # of which this system says no more
            return
        time.sleep(0.01)
    raise AssertionError("It is no zombie.")


def test_a_zombie_is_not_alive_and_holds_no_claim(tmp_path: Path, owner: subprocess.Popen[bytes]) -> None:
    mine = Claims(tmp_path)
    assert not mine.take(RUNS[0])
    found = read(tmp_path, 0)
    assert found is not None
    assert (found.pid, found.alive) == (owner.pid, True)
    os.kill(owner.pid, signal.SIGKILL)
    _becomes_zombie(owner.pid)
    assert not found.alive
    assert Supervisor(Queue(tmp_path)).workers() == []
    assert all(mine.take(run) for run in RUNS)
    with slot_lock(tmp_path, 0) as free:
        assert free
    mine.close()


def test_of_two_that_take_over_a_dead_owners_runs_exactly_one_gets_each(
    tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    command = [sys.executable, "-c", TAKE_ALL, str(tmp_path)]
    takers = [
        subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for taker in takers:
            assert taker.stdout is not None
            assert taker.stdout.readline() == "ready\n"
        os.kill(owner.pid, signal.SIGKILL)
        _becomes_zombie(owner.pid)
        time.sleep(0.5)
        (tmp_path / "over").touch()
        taken = [set(map(int, taker.stdout.readline().split())) for taker in takers if taker.stdout]
    finally:
        for taker in takers:
            taker.communicate()
    assert taken[0] | taken[1] == set(range(200))
    assert taken[0] & taken[1] == set()


def test_a_worker_that_lives_but_does_not_move_is_ended_and_its_runs_are_free(
    tmp_path: Path, owner: subprocess.Popen[bytes]
) -> None:
    monitor, mine = Monitor(tmp_path, hung_after=2.0), Claims(tmp_path)
    for _ in range(30):  # healthy, however long one looks
        assert not monitor.check(0)
        time.sleep(0.1)
    os.kill(owner.pid, signal.SIGSTOP)
    begin = time.monotonic()
    while not monitor.check(0):
        assert time.monotonic() - begin < 120
        assert not mine.take(RUNS[0])
        time.sleep(0.1)
    assert time.monotonic() - begin >= 1.8
    assert owner.wait(60) == -signal.SIGKILL
    assert all(mine.take(run) for run in RUNS)
    mine.close()


def test_a_look_after_a_long_sleep_ends_nobody(
    tmp_path: Path, owner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suspended or frozen, worker and observer wake up together, and the observer may be the first to run."""
    monitor, clock = Monitor(tmp_path, hung_after=30.0), [1000.0]
    monkeypatch.setattr("engine.queue.heartbeat.time.monotonic", lambda: clock[0])
    os.kill(owner.pid, signal.SIGSTOP)
    time.sleep(0.3)
    for _ in range(heartbeat.LEAST_CHECKS):
        clock[0] += 3600.0
        assert not monitor.check(0)
    asleep = heartbeat.read(tmp_path, 0)
    assert asleep is not None
    os.kill(owner.pid, signal.SIGCONT)
    for _ in range(600):
        if (awake := heartbeat.read(tmp_path, 0)) is not None and awake.beat != asleep.beat:
            break
        time.sleep(0.1)
    clock[0] += 3600.0
    assert not monitor.check(0)
    assert owner.poll() is None


def test_a_clock_that_jumps_ends_nobody(
    tmp_path: Path, owner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, real = Monitor(tmp_path, hung_after=2.0), time.time
    for jump in (0.0, 1e9, -1e9, 86400.0) * 7:
        monkeypatch.setattr("engine.queue.heartbeat.time.time", lambda jump=jump: real() + jump)
        assert not monitor.check(0)
        time.sleep(0.12)
    assert owner.poll() is None


def test_a_process_that_came_by_the_same_number_is_not_ended(tmp_path: Path, owner: subprocess.Popen[bytes]) -> None:
    found = read(tmp_path, 0)
    assert found is not None
    assert found.start == start_stamp(owner.pid)
    os.kill(owner.pid, signal.SIGSTOP)
    pulse = tmp_path / "queue" / "worker-0.pulse"
    pulse.write_text(pulse.read_text().replace(f" {found.start} ", f" {found.start - 1} "))
    monitor = Monitor(tmp_path, hung_after=0.0)
    assert not any(monitor.check(0) for _ in range(5))
    assert owner.poll() is None


def test_a_process_is_known_by_the_same_number_whoever_asks_and_whatever_becomes_of_the_clock(
    owner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os; from engine.queue.heartbeat import start_stamp; print(start_stamp(os.getppid()))"
    asked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == str(start_stamp(os.getpid()))
    number, created = start_stamp(owner.pid), psutil.Process(owner.pid).create_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: 0.0)  # as after the clock was set
    assert psutil.Process(owner.pid).create_time() != created
    assert start_stamp(owner.pid) == number != start_stamp(os.getpid())


def test_another_users_process_that_the_system_hides_is_alive(
    tmp_path: Path, owner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(process: psutil.Process) -> str:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", hidden)
    assert [worker.pid for worker in Supervisor(Queue(tmp_path)).workers()] == [owner.pid]


@pytest.mark.parametrize(
    "rubbish", ["", "1 2", "a b c d e", "-1 0 0 0 0", f"{2**70} 0 0 0 0", "1 2 3 4 5 6", "9" * 5000]
)
def test_a_pulse_of_rubbish_ends_nobody(tmp_path: Path, rubbish: str) -> None:
    Queue(tmp_path)
    (tmp_path / "queue" / "worker-0.pulse").write_text(rubbish)
    (tmp_path / "queue" / "worker-0.json").write_text("{")
    monitor = Monitor(tmp_path, hung_after=0.0)
    assert not any(monitor.check(0) for _ in range(3))
    assert Supervisor(Queue(tmp_path)).workers() == []
    heartbeat.forget(tmp_path, 0)
    assert read(tmp_path, 0) is None


def test_who_leaves_takes_its_files_along(tmp_path: Path) -> None:
    Queue(tmp_path)
    beating = Heartbeat(tmp_path, 3, kills=lambda: 5)
    beating.publish({7: ["a", "b"]}, "It waits.")
    beating.set_current(7)
    found = read(tmp_path, 3)
    assert found is not None
    assert (found.slot, found.pid, found.alive, found.oom_kills, found.current) == (3, os.getpid(), True, 5, 7)
    assert (found.buckets, found.waits) == ({7: ("a", "b")}, "It waits.")
    assert [worker.slot for worker in Supervisor(Queue(tmp_path)).workers()] == [3]
    assert Supervisor(Queue(tmp_path)).trouble() == "It waits."
    beating.close()
    assert read(tmp_path, 3) is None
    assert Supervisor(Queue(tmp_path)).workers() == []
