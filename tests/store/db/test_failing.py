"""The first, second, third … change of a file fails, for each job of a store: words, and nothing lost or half there."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("job", "kind", "least"),
    [
        ("first", "once", 15),
        ("work", "once", 40),
        ("tidy", "once", 25),
        ("copy", "once", 20),
        ("exchange", "once", 30),
        ("migrate", "once", 30),
        ("work", "full", 10),
    ],
)
def test_whichever_change_of_a_file_fails_nothing_is_lost_and_words_say_so(
    library: Path, tmp_path: Path, job: str, kind: str, least: int
) -> None:
    error = errno.ENOSPC if kind == "full" else errno.EIO
    command = [sys.executable, "-m", "tests.store.db.failing", str(library), job, str(error), kind, str(tmp_path)]
    environment = os.environ | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    out = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True).stdout
    attempts = [json.loads(line) for line in out.splitlines()]
    for attempt in attempts:
        *faulty, checked = attempt["statuses"]
        assert set(faulty) <= {NOTHING, WORDS}, attempt
        assert checked == NOTHING, attempt
        assert all(attempt[text].endswith((".", "again")) for text in ("said", "said again") if text in attempt), (
            attempt
        )
    assert attempts[-1]["failures"] == "0", "the last attempt is the one in which nothing fails"
    assert attempts[-1]["statuses"][0] == NOTHING
    assert len(attempts) > least
    told = sum(attempt["statuses"][0] == WORDS for attempt in attempts)
    assert told >= 3
    if kind == "full":
        assert any("is full: nothing was lost" in attempt.get("said", "") for attempt in attempts)
