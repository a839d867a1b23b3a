"""The first, second, third … change of a file fails, for each job of a store: words, and nothing lost or half there."""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
NOTHING, WORDS = 0, 1 << 8
"""How a process may end: as if nothing had been, or with a sentence. Anything else is a crash or a traceback."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes a change of a file fail, compiled."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("There is no C++ compiler here, or this is not Linux: no change of a file can be made to fail.")
    made = tmp_path_factory.mktemp("library") / "failing.so"
    source = Path(__file__).with_name("failing.cpp")
    subprocess.run(
        [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"], check=True
    )
    return made


LEAST = {"first": 15, "work": 40, "tidy": 25, "copy": 20, "exchange": 30, "migrate": 30}
"""Changes of files that each job makes at least."""


def _attempts(library: Path, folder: Path, kind: str, first: int, every: int, *jobs: str) -> list[dict[str, Any]]:
    """Return what became of the jobs, one change after the other failing, from the `first` on every `every`th."""
    error = errno.ENOSPC if kind == "full" else errno.EIO
    command = [sys.executable, "-m", "tests.store.db.failing", str(library), str(error), kind, str(folder)]
    command += [str(first), str(every), *jobs]
    environment = os.environ | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    out = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def _assert_words_and_no_loss(attempts: list[dict[str, Any]], least: int) -> None:
    for attempt in attempts:
        *faulty, checked = attempt["statuses"]
        assert set(faulty) <= {NOTHING, WORDS}, attempt
        assert checked == NOTHING, attempt
        assert all(attempt[text].endswith((".", "again")) for text in ("said", "said again") if text in attempt), (
            attempt
        )
    assert attempts[-1]["failures"] == "0", "the last attempt is the one in which nothing fails"
    assert attempts[-1]["statuses"][0] == NOTHING
    assert attempts[-1]["number"] > least


def _some_words(attempts: list[dict[str, Any]]) -> bool:
    return any(attempt["statuses"][0] == WORDS for attempt in attempts)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("every", [80, pytest.param(1, marks=pytest.mark.long)])
def test_whichever_change_of_a_file_fails_nothing_is_lost_and_words_say_so(
    library: Path, tmp_path: Path, chance: random.Random, every: int
) -> None:
    jobs = [job for job in LEAST if every == 1 or job != "work"]  # which a full disk stops daily, see below
    attempts = _attempts(library, tmp_path, "once", chance.randint(1, every), every, *jobs)
    for job in jobs:
        of_job = [attempt for attempt in attempts if attempt["job"] == job]
        _assert_words_and_no_loss(of_job, LEAST[job])
        assert every > 1 or _some_words(of_job)  # there are changes that may fail in silence, and few are daily


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.long)])
def test_a_disk_that_is_full_from_any_change_on_is_told_and_nothing_is_lost(
    library: Path, tmp_path: Path, chance: random.Random, every: int
) -> None:
    attempts = _attempts(library, tmp_path, "full", chance.randint(1, every), every, "work")
    _assert_words_and_no_loss(attempts, 10)
    assert _some_words(attempts)
    assert any("is full: nothing was lost" in attempt.get("said", "") for attempt in attempts)
