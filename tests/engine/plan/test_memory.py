"""Memory: the estimate against what training takes, what systems say is left, what is refused."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from engine.data import load
from engine.net import reader
from engine.plan import buckets, memory
from engine.plan.memory import Size
from engine.queue import memory_share
from engine.queue.jobs import Queue
from engine.queue.locks import Claims
from engine.queue.memory_share import MemoryShare
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train import loop
from tests.benchmarks import memory_use

GIB = 2**30


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says what a process has taken at most.")
@pytest.mark.parametrize(
    "names", [("mlp of width 2048",), pytest.param(("transformer", "cnn"), marks=pytest.mark.long)], ids=" and ".join
)
def test_the_estimate_is_right_within_a_factor(names: tuple[str, ...]) -> None:
    found = memory_use.measured(*(memory_use.WORKLOADS[name] for name in names))
    for name, (estimate, measured) in zip(names, found, strict=True):
        assert 1 / 1.5 < measured / estimate < 1.5, f"{name}: estimate {estimate:.3g} B, measured {measured:.3g} B"


def test_more_of_everything_needs_more() -> None:
    base = memory.needed(RunSpec(width=64))
    for change in ({"width": 128}, {"depth": 4}, {"shift": 1}, {"dataset": "mnist"}):
        assert memory.needed(RunSpec.of({"width": 64} | change)) > base
    seeds = SweepSpec.of({"width": 2048, "depth": 4, "seed": (0, 1, 2)}).runs()
    assert memory.size(seeds).own > 1.5 * memory.size(seeds[:1]).own


def test_its_limits_are_those_that_training_keeps_to() -> None:
    homes = {"KEPT_BYTES": load, "EVAL_ROWS": reader, "ORDER_CHUNK": loop, "ORDER_NUMBERS": loop}
    for name, home in homes.items():
        assert vars(memory)[name] is vars(home)[name]


def _system(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def eight_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has eight GiB left."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GIB))


@pytest.mark.usefixtures("eight_free")
def test_what_is_left_is_the_least_of_the_machine_and_its_control_groups(tmp_path: Path) -> None:
    assert memory.available(tmp_path / "nothing") == 8 * GIB
    _system(tmp_path, proc__self__cgroup="0::/outer/inner\n")
    assert memory.available(tmp_path) == 8 * GIB
    group = tmp_path / "sys/fs/cgroup"
    _system(group / "outer/inner", **{"memory.max": "max\n", "memory.current": "5"})
    assert memory.available(tmp_path) == 8 * GIB
    _system(group / "outer", **{"memory.max": str(4 * GIB), "memory.current": str(3 * GIB)})
    assert memory.available(tmp_path) == GIB
    _system(group / "outer", **{"memory.stat": f"anon 5\ninactive_file {GIB // 2}\n"})
    assert memory.available(tmp_path) == 1.5 * GIB


@pytest.mark.usefixtures("eight_free")
def test_control_groups_of_the_first_version_count_too(tmp_path: Path) -> None:
    _system(tmp_path, proc__self__cgroup="9:name=systemd:/\n4:memory:/not/mounted/here\n")
    numbers = {"memory.limit_in_bytes": str(2 * GIB), "memory.usage_in_bytes": str(GIB)}
    kills = {"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"}
    _system(tmp_path / "sys/fs/cgroup/memory", **numbers, **kills)
    assert memory.available(tmp_path) == GIB
    assert memory.oom_kills(tmp_path) == 3


def test_a_machine_that_does_not_say_what_is_left_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden() -> None:
        raise FileNotFoundError("/proc/meminfo")

    monkeypatch.setattr(psutil, "virtual_memory", hidden)
    monkeypatch.setattr(buckets, "gpus", lambda: 0)
    assert memory.available(tmp_path) is None
    assert memory.refusal(SweepSpec.of({"width": 2048, "depth": 8}).runs(), root=tmp_path) == ""


def test_what_a_process_has_in_memory_grows_with_it_and_is_none_once_it_has_ended() -> None:
    hold = "import sys; held = b'x' * int(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"
    found = []
    for size in (0, 2**27):
        command = [sys.executable, "-c", hold, str(size)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            found.append(memory.resident(process.pid))
            process.communicate()
        assert memory.resident(process.pid) == 0
    assert 2**26 < found[1] - found[0] < 2**28
    assert memory.resident() > 0


def test_kills_for_lack_of_memory_are_counted_by_the_control_group_else_by_the_machine(tmp_path: Path) -> None:
    assert memory.oom_kills(tmp_path) == 0
    _system(tmp_path, proc__vmstat="nr_free_pages 5\noom_kill 7\n", proc__self__cgroup="0::/mine\n")
    assert memory.oom_kills(tmp_path) == 7
    _system(tmp_path / "sys/fs/cgroup/mine", **{"memory.events": "low 0\noom 5\noom_kill 2\noom_group_kill 0\n"})
    assert memory.oom_kills(tmp_path) == 2


def test_what_never_fits_is_refused_and_what_waits_for_our_own_workers_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "gpus", lambda: 0)
    runs = SweepSpec.of({"width": (4, 2048), "depth": 8}).runs()
    need = memory.needed(runs[1])
    monkeypatch.setattr(memory, "available", lambda root: need - 1)
    assert memory.refusal(runs).startswith("mlp of width 2048 and depth 8 with batch size ")
    assert memory.refusal(runs, held=1) == ""
    assert memory.refusal(runs[:1]) == ""
    assert memory.refusal(()) == ""
    monkeypatch.setattr(buckets, "gpus", lambda: 1)
    assert memory.refusal(runs) == ""  # its memory is not that of the machine


def test_a_worker_takes_its_share_and_one_at_a_time_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Queue(tmp_path)
    monkeypatch.setenv("SCALESCOPE_WORKERS", "2")
    monkeypatch.setattr(memory, "resident", lambda: memory.WORKER_BYTES)
    monkeypatch.setattr(memory, "size", lambda runs, gpu: Size(own=100 * len(runs) - 20, shared=20))
    monkeypatch.setattr(memory, "available", lambda: 400)
    monkeypatch.setattr(memory_share, "ANYWHERE", 40)
    runs = SweepSpec.of({"width": 2, "seed": tuple(range(8))}).runs()
    claims = Claims(tmp_path)
    share = MemoryShare("cpu", claims)
    share.refresh()
    assert share.fitting(runs, alone=True) == list(runs[:2])  # of 400 for two workers
    share.reserve(runs[:1])
    assert share.fitting(runs[1:], alone=False) == [runs[1]]
    share.begin(runs[:2])
    share.refresh()
    assert share.fitting(runs[2:], alone=False) == []
    share.end(runs[:2])
    monkeypatch.setattr(memory, "available", lambda: 150)
    share.refresh()
    assert share.fitting(runs, alone=True) == list(runs[:1])  # more than its share of 75
    assert share.fitting(runs, alone=False) == []
    assert not _take_all_elsewhere(tmp_path)
    share.begin(runs[:1])
    share.end(runs[:1])
    assert _take_all_elsewhere(tmp_path)
    monkeypatch.setattr(memory, "available", lambda: 50)
    share.refresh()
    assert share.fitting(runs, alone=True) == []
    assert share.waits.startswith("A run of width 2 needs about 0 MiB of memory and waits: ")
    monkeypatch.setattr(memory_share, "ANYWHERE", 100)
    assert share.fitting(runs, alone=True) == list(runs[:1])  # so small that no worker waits for it
    claims.close()


def _take_all_elsewhere(home: Path) -> bool:
    code = "import sys; from pathlib import Path; from engine.queue.locks import Claims; "
    code += "sys.exit(not Claims(Path(sys.argv[1])).take_all_memory())"
    root = Path(__file__).parents[3]
    return subprocess.run([sys.executable, "-c", code, home], cwd=root, check=False).returncode == 0
