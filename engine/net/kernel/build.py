"""Compiles kernel.cpp on first use and keeps the result for this user and machine; without torch."""

import ctypes
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from engine.base.atomic import put_in_place
from engine.base.locks import locked
from engine.net.kernel import abi

SOURCE = Path(__file__).with_name("kernel.cpp")
SOURCES = (SOURCE, *sorted(SOURCE.parent.glob("*.h")))

# On Apple silicon compilers take its instructions by themselves, and older ones refuse to be asked for them.
_NATIVE = [] if (sys.platform, platform.machine()) == ("darwin", "arm64") else ["-march=native"]

# Not -ffast-math: a run that has diverged must be seen as not finite.
FLAGS = [
    "-std=c++17",
    "-O3",
    *_NATIVE,
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-shared",
    "-fPIC",
]

COMPILE_SECONDS = 300
"""Some 12 s of work, on a machine that others use too."""


@cache
def compiler() -> str | None:
    """Return the path of a C++ compiler; None where there is none, or SCALESCOPE_KERNEL=off."""
    if os.environ.get("SCALESCOPE_KERNEL") == "off":
        return None
    return next((found for name in ("g++", "c++", "clang++") if (found := shutil.which(name))), None)


@cache
def library(real: str) -> ctypes.CDLL | None:
    """Return the kernel for "float" or "double"; None where it cannot be compiled.

    Raises: RuntimeError: where it does not agree with the Python beside it.
    """
    found = compiler()
    if found is None:
        return None
    try:
        loaded = ctypes.CDLL(str(_built(found, real)))
    except (OSError, subprocess.SubprocessError):
        return None
    abi.connect(loaded, real)
    return loaded


def _built(compiler: str, real: str) -> Path:
    """Return the compiled kernel, from the cache where it is there."""
    asked = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True, timeout=COMPILE_SECONDS)
    text = "\n".join([*(source.read_text() for source in SOURCES), real, *FLAGS, compiler, asked.stdout, _processor()])
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scalescope"
    target = folder / f"kernel-{hashlib.sha256(text.encode()).hexdigest()[:24]}.so"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            with suppress(OSError):  # where nothing can be locked, several compile it
                lock = held.enter_context((folder / f"{real}.lock").open("a"))
                locked(lock.fileno(), wait=COMPILE_SECONDS)  # while another process compiles it
            if not target.exists():
                _put_compiled(target, [compiler, *FLAGS, f"-DREAL={real}"])
    return target


def _put_compiled(target: Path, command: list[str]) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as unfinished:
        made = Path(unfinished) / target.name
        _compile([*command, "-o", str(made), str(SOURCE)])
        put_in_place(made, target)  # whole or not at all, whoever else compiles it


def _compile(command: list[str]) -> None:
    """Run a compiler in a group of its own: what it starts ends with it, in time, on Ctrl-C or on an error."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as compiling:
        try:
            status = compiling.wait(COMPILE_SECONDS)
        except BaseException:
            os.killpg(compiling.pid, signal.SIGKILL)
            raise
    if status:
        raise subprocess.CalledProcessError(status, command)


def _processor() -> str:
    """Return what -march=native depends on."""
    known: list[str] = []
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        known = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    elif sys.platform == "linux":
        with suppress(OSError):
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            known = [line for line in lines if line.startswith(("flags", "Features", "model name"))]
    return "\n".join([platform.machine(), platform.processor(), *sorted(set(known))])
