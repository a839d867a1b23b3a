"""Deliberate mistakes, one at a time, in a copy of the tree: the daily tests must notice each of them.

`python -m tests.mutants` tries all, `python -m tests.mutants kernel store` those of some rooms. Prints a line for each
and ends with 1 where a mutant survives. A mutant whose text is not found exactly once is an error: it has to follow the
code. Each compiled mutant costs a build of the kernel.
"""

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 600
"""After which a test run counts as hung, which is noticing too."""
PASSED, FAILED = 0, 1
"""How pytest ends; whatever else it says is an error of the mutant."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One mistake, and where it must be noticed."""

    room: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Arguments of pytest."""


KERNEL, ARCHS = "tests/engine/net/kernel/test_kernel.py", "tests/engine/net/kernel/test_kernel_archs.py"
EQUALITY, BATCHED = "tests/engine/net/test_equality.py", "tests/engine/net/test_batched.py"
SPOOL = "tests/store/results/test_spool.py"
CLAIMS, MERGE = "tests/engine/verdicts/test_claims.py", "tests/store/exchange/test_merge.py"


def _of(room: str, folder: str, *rows: tuple[str, str, str, tuple[str, ...]]) -> list[Mutant]:
    return [Mutant(room=room, file=f"{folder}/{file}", old=old, new=new, tests=tests) for file, old, new, tests in rows]


MUTANTS = [
    *_of(
        "kernel",
        "engine/net/kernel",
        ("optimizer.h", "gradient[i] * gradient[i] * r.rest2", "gradient[i] * gradient[i] * r.rest1", (KERNEL,)),
        ("optimizer.h", "weight[i] * r.kept - mean[i] * r.lr", "weight[i] - mean[i] * r.lr", (KERNEL,)),
        ("optimizer.h", "if (share < 1)", "if (share < 2)", (KERNEL,)),
        ("losses.h", "answer = z > largest ?", "answer = z >= largest ?", (KERNEL, "-k", "equal_logits or agree")),
        (
            "losses.h",
            "int64_t l = std::max<int64_t>(batch - row, 0)",
            "int64_t l = std::max<int64_t>(batch - row + 1, 0)",
            (KERNEL,),
        ),
        ("norms.h", "variance * (numbers / (numbers - 1))", "variance", (ARCHS, "-k", "statistics")),
        (
            "recurrent.h",
            "g * (before - next) * keep * (1 - keep)",
            "g * (before + next) * keep * (1 - keep)",
            (EQUALITY,),
        ),
        ("recurrent.h", "d * before * keep * (1 - keep)", "d * before * keep", (EQUALITY,)),
        ("convolution.h", "t.turned ? grid.taps() - 1 - tap : tap", "tap", (EQUALITY,)),
        ("layer_norm.h", "variance[i] * (1 / real(n.units))", "variance[i] * (1 / real(n.units + 1))", (EQUALITY,)),
        (
            "buffers.py",
            "for r in placed if r.last >= region.first)",
            "for r in placed if r.last > region.first)",
            ("tests/engine/net/kernel/test_buffers.py",),
        ),
    ),
    *_of(
        "batched",
        "engine/net",
        ("batched_net.py", "* (units * places) + unit[..., None]", "* units + unit[..., None]", (EQUALITY,)),
        (
            "batched_net.py",
            "new_variance.view_as(mean) * (numbers / (numbers - 1))",
            "new_variance.view_as(mean)",
            (EQUALITY,),
        ),
        ("batched_net.py", "if x.shape[1] == 1:  # one model's", "if False:  # one model's", (BATCHED,)),
        ("batched_net.py", "values, is_causal=True)", "values, is_causal=False)", (EQUALITY,)),
        ("batched.py", "extra = -batch % ROW_MULTIPLE", "extra = 0", (BATCHED,)),
        ("batched.py", "(0, -len(flat[0]) % VECTOR)", "(0, 0)", (BATCHED,)),
        ("optimizers.py", "run.weight_decay, run.beta1, run.beta2)", "run.weight_decay, run.beta1)", (EQUALITY,)),
        ("optimizers.py", "torch.where(share < 1, share, 1)", "share", (EQUALITY,)),
        ("losses.py", "outputs * y.mT <= 1, -y.mT", "outputs * y.mT <= 0, -y.mT", ("tests/engine/net/test_losses.py",)),
    ),
    *_of(
        "store",
        "store",
        (
            "results/inserting.py",
            '["created"][row].as_py() >= created',
            '["created"][row].as_py() <= created',
            (SPOOL,),
        ),
        ("results/inserting.py", "if RunState(state).done or not (", "if not (", (SPOOL,)),
        (
            "results/result_files.py",
            "if hashlib.sha256(body).hexdigest().encode() != digest:",
            "if False:",
            ("tests/store/results/test_result_files.py",),
        ),
        ("exchange/merge.py", "(packed.created < runs.created", "(packed.created > runs.created", (MERGE,)),
        (
            "db/ledger.py",
            "line == ledger.line and changes >= ledger.changes",
            "line == ledger.line",
            ("tests/store/db/test_integrity.py",),
        ),
        (
            "db/connection.py",
            "            con.commit()\n            ledger.write(self.ledger, ended)",
            "            ledger.write(self.ledger, ended)\n            con.commit()",
            ("tests/store/db/test_failing.py", "tests/store/db/test_integrity.py"),
        ),
        (
            "results/spool.py",
            "            artifacts.write(outcomes, results)  # first",
            "            pass  # first",
            (SPOOL, "tests/store/results/test_artifacts.py"),
        ),
    ),
    *_of(
        "verdicts",
        "engine/verdicts",
        ("intervals.py", "any(one.most < minimum for", "any(one.low < minimum for", (CLAIMS,)),
        ("intervals.py", "< LEAST_SEEDS:", "< 1:", (CLAIMS,)),
        ("intervals.py", "spread / float(np.sqrt(n))\n    half", "spread / float(n)\n    half", (CLAIMS,)),
        ("overfitting.py", "and fit_rise.low > 0:", "and fit_rise.low > 1:", (CLAIMS,)),
    ),
    *_of(
        "laws",
        "engine/laws",
        (
            "power.py",
            "[power, -power * x[0], floor]",
            "[power, power * x[0], floor]",
            ("tests/engine/laws/test_recovery.py",),
        ),
        ("checks.py", "LEAST_DECADES = 1.0", "LEAST_DECADES = 0.0", ("tests/engine/laws/test_refusals.py",)),
    ),
    *_of(
        "spec",
        "engine/spec",
        (
            "count.py",
            "self.flops += 3 * 2 * 2 * steps",
            "self.flops += 2 * 2 * 2 * steps",
            ("tests/engine/spec/test_count.py",),
        ),
        ("count.py", "width * (3 if x.needs_grad else 2)", "width * 3", ("tests/engine/spec/test_count.py",)),
    ),
    *_of(
        "queue",
        "engine/queue",
        (
            "scheduler.py",
            "max(self._seconds[job_id], least)",
            "self._seconds[job_id]",
            ("tests/engine/queue/test_worker.py", "-k", "comes_late"),
        ),
        ("locks.py", "int(run.key[:15], 16)", "int(run.key[:1], 16)", ("tests/engine/queue/test_jobs.py",)),
        (
            "crashes.py",
            "crashes, most = 0, -(-most // 2)",
            "crashes, most = 0, most - 1",
            ("tests/engine/queue/test_crashes.py",),
        ),
        (
            "heartbeat.py",
            "min(now - at, self._hung_after / LEAST_CHECKS)",
            "now - at",
            ("tests/engine/queue/test_heartbeat.py", "-k", "sleep"),
        ),
    ),
]


def main(rooms: list[str]) -> int:
    """Try the mutants of `rooms`, or all; return 1 where one survives."""
    chosen = [mutant for mutant in MUTANTS if not rooms or mutant.room in rooms]
    for mutant in MUTANTS:
        _check(mutant)
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        for name in _files():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        for mutant in chosen:
            begin, noticed = time.monotonic(), _noticed_by(copy, mutant, Path(folder) / "cache")
            survived += not noticed
            change = f"{mutant.old.strip()}  ->  {mutant.new.strip()}".replace("\n", " ")
            said = f"killed by {noticed}" if noticed else "SURVIVED"
            print(f"{mutant.file}: {change}\n    {said}, {time.monotonic() - begin:.0f} s", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} mutants are killed.")
    return int(survived > 0)


def _files() -> Iterator[str]:
    """Yield the files of the tree that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    yield from (name for name in found.splitlines() if (ROOT / name).is_file())


def _check(mutant: Mutant) -> None:
    path = ROOT / mutant.file
    found = path.read_text().count(mutant.old) if path.exists() else 0
    if found != 1:
        raise SystemExit(f"{mutant.file} has {found} times {mutant.old!r}, where it must stand once: correct MUTANTS.")


_MOMENT = itertools.count(1)


def _put(path: Path, text: str) -> None:
    """Write a file so that Python sees a change, be it of the same length and within the same second."""
    path.write_text(text)
    os.utime(path, times=(10 * next(_MOMENT),) * 2)


def _noticed_by(copy: Path, mutant: Mutant, cache: Path) -> str:
    """Return the first test that fails on the mutant, or ""; the copy is as before then."""
    path = copy / mutant.file
    sound = path.read_text()
    _put(path, sound.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    try:
        ended = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "a test that hangs"
    finally:
        _put(path, sound)
    if ended.returncode not in (PASSED, FAILED):
        raise SystemExit(f"The tests of {mutant.file} did not run:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
    failed = [line.split(" ")[1] for line in ended.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0].partition("::")[2] if failed else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
