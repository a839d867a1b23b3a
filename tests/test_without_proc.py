"""Without /proc and /sys, as on macOS: a worker is seen alive, trains, is ended when it hangs, and is dead then."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.queue.jobs import Queue
from engine.spec.sweep import SweepSpec
from store.home import open_database
from store.results import runs
from store.results.spool import ingest

ROOT = Path(__file__).parent.parent
HIDDEN = "import tests.without_proc\n"

WORK = "import sys; from engine.commands.main import main; sys.exit(main(['worker', '--slot', '0', '--linger', '60']))"
LOOK = """
import sys, time
from pathlib import Path
from engine.plan import buckets, memory
from engine.queue.heartbeat import Monitor
from engine.queue.jobs import Queue
from engine.queue.supervisor import Supervisor
queue = Queue(Path(sys.argv[1]))
supervisor = Supervisor(queue)
def until(true):
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
until(lambda: supervisor.workers() and not queue.jobs())
print(*(worker.pid for worker in supervisor.workers()), flush=True)
assert supervisor.resident() > 2**24
assert memory.available() > 0
assert memory.oom_kills() == buckets.gpus() == 0
sys.stdin.readline()
monitor = Monitor(queue.home, hung_after=1.0)
until(lambda: monitor.check(0))
until(lambda: not supervisor.workers())
"""


@pytest.mark.parametrize("text", ["open('/proc/self/stat')", "__import__('os').listdir('/proc')"])
def test_proc_is_hidden(text: str) -> None:
    ended = subprocess.run([sys.executable, "-c", HIDDEN + text], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "is not there: this is no Linux." in ended.stderr


def test_a_worker_is_seen_trains_and_is_ended_when_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    monkeypatch.setenv("SCALESCOPE_GALLERY", str(tmp_path / "none"))
    monkeypatch.setenv("SCALESCOPE_KERNEL", "off")  # of another processor by name, it would be compiled anew
    db, wanted = open_database(tmp_path), SweepSpec.of({"width": (2, 3), "steps": 20, "dataset": "moons"}).runs()
    Queue(tmp_path).submit("sweep", wanted)
    command = [sys.executable, "-c", HIDDEN + LOOK, str(tmp_path)]
    with (
        subprocess.Popen([sys.executable, "-c", HIDDEN + WORK], cwd=ROOT) as worker,
        subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as look,
    ):
        try:
            assert look.stdin is not None
            assert look.stdout is not None
            assert look.stdout.readline().split() == [str(worker.pid)]
            os.kill(worker.pid, signal.SIGSTOP)
            look.communicate("It hangs.\n", timeout=120)
            assert look.returncode == 0
            assert worker.wait(60) == -signal.SIGKILL
        finally:
            worker.kill()
            look.kill()
    ingest(db)
    assert runs.missing(db, wanted) == []


@pytest.mark.parametrize(
    "named", ["store.exchange.pack import processor", "engine.net.kernel.build import _processor as processor"]
)
def test_a_processor_has_a_name_where_cpuinfo_is_missing(named: str) -> None:
    code = f"{HIDDEN}from {named}; print(processor())"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert platform.machine() in answer.stdout
