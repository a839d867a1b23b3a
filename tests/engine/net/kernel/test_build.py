"""The kernel is compiled once for a machine; whatever comes in between, training goes on without it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.net.batched import Batched
from engine.net.kernel import build
from engine.queue.heartbeat import start_stamp
from engine.spec.run import RunSpec
from engine.train.loop import reader_of, train

needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler here, or it is off")


@pytest.fixture
def no_memory() -> Iterator[None]:
    """Forget what was compiled, before and after."""
    build.compiler.cache_clear()
    build.library.cache_clear()
    yield
    build.compiler.cache_clear()
    build.library.cache_clear()


@pytest.fixture
def copying_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put an empty cache in the place of the user's, and a compiler that copies what the real one has made.

    Returns a file for the number of processes that have to know the compiler's version before anything is compiled;
    beside it lies `compiled`, with a line for each time.
    """
    real = build.compiler()
    assert real
    made, awaited = build._built(real, "float"), tmp_path / "awaited"
    awaited.write_text("1")
    compiler = tmp_path / "g++"
    compiler.write_text(
        f"""#!/bin/sh
cd {tmp_path}
[ $1 = --version ] && echo x >> asked && exit
while [ $(wc -l < asked) -lt $(cat awaited) ]; do sleep 0.02; done
echo x >> compiled
while [ $1 != -o ]; do shift; done
cp {made} $2
"""
    )
    compiler.chmod(0o755)
    build.compiler.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return awaited


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize("trouble", ["off", "no compiler", "broken compiler", "no folder"])
def test_without_the_kernel_training_goes_on_by_itself(
    trouble: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if trouble == "off":
        monkeypatch.setenv("SCALESCOPE_KERNEL", "off")
    elif trouble == "no folder":
        (tmp_path / "cache").touch()
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    if trouble == "broken compiler":
        (tmp_path / "g++").write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
        (tmp_path / "g++").chmod(0o755)
    run = RunSpec(width=2, steps=3)
    assert reader_of(run, "cpu") is Batched
    assert [point.step for points in train((run,)) for point in points] == [0, 1, 2, 3]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("no_memory")
def test_a_compiler_that_takes_too_long_is_ended_with_all_that_it_has_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(build, "COMPILE_SECONDS", 10.0)
    started = tmp_path / "started"
    slow = f"#!/bin/sh\n[ $1 = --version ] && exit\nsleep 1000 &\necho $! > {started}\nwait\n"
    (tmp_path / "g++").write_text(slow)
    (tmp_path / "g++").chmod(0o755)
    assert build.library("float") is None
    deadline = time.monotonic() + 60
    while start_stamp(int(started.read_text())) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_compiler
@pytest.mark.usefixtures("no_memory", "copying_compiler")
def test_it_is_compiled_once(tmp_path: Path) -> None:
    assert build.library("float") is not None
    (made,) = (tmp_path / "scalescope").glob("*.so")
    before = made.stat()
    build.library.cache_clear()
    assert build.library("float") is not None
    assert [path.stat() for path in (tmp_path / "scalescope").glob("*.so")] == [before]


@needs_compiler
@pytest.mark.usefixtures("no_memory", "copying_compiler")
def test_it_is_compiled_where_its_lock_cannot_be_had(tmp_path: Path) -> None:
    (tmp_path / "scalescope" / "float.lock").mkdir(parents=True)
    assert build.library("float") is not None


@needs_compiler
def test_processes_that_need_it_at_once_compile_it_once(copying_compiler: Path) -> None:
    copying_compiler.write_text("2")  # the first to compile waits until both have asked
    command = [sys.executable, "-c", "from engine.net.kernel import build; assert build.library('float') is not None"]
    both = [subprocess.Popen(command, cwd=build.SOURCE.parents[3]) for _ in range(2)]
    assert [process.wait(300) for process in both] == [0, 0]
    assert copying_compiler.with_name("compiled").read_text() == "x\n"
