"""How much memory training takes, estimated before it starts, and how much this machine has left; without torch."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.base.language import _
from engine.data.load import KEPT_BYTES
from engine.data.rng import ORDER_CHUNK, ORDER_NUMBERS
from engine.net.kernel.build import compiler
from engine.net.kernel.program import tape
from engine.net.numerics import EVAL_ROWS
from engine.plan import buckets
from engine.spec.count import count
from engine.spec.run import RunSpec

WORKER_BYTES = 304 * 2**20
"""Memory of a worker with torch, scikit-learn and the store loaded, before its first bucket."""

RESULT_BYTES = 300_000
"""Memory of a run for its curves, held, shown and written; measured in a sweep of 10,000 runs."""

LIBRARY_BYTES, TORCH_BYTES = 12 * 2**20, 64 * 2**20
"""What libraries take when they are first used, with the compiled kernel and, besides, without it."""

HELD_OUT = 0.3
"""Validation and test examples, as a share of the training pool; small pools have more."""

SYSTEM = Path("/")
"""Where /proc and /sys lie: Linux's control groups, and its count of processes that it killed, are read there."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """Bytes that a bucket takes in training at its peak, beside WORKER_BYTES."""

    own: int
    """Bytes that each bucket of a worker takes."""
    shared: int
    """Bytes that buckets of a worker share: the largest amount of any of them counts."""

    @property
    def total(self) -> int:
        """What the bucket takes when it trains alone."""
        return self.own + self.shared


def size(runs: Sequence[RunSpec], *, gpu: bool = False) -> Size:
    """Return an estimate for a bucket of `runs`, all of one shape.

    Of twelve buckets of 30 MB to 1.9 GB on a CPU, peaks lay between 0.7 and 1.2 times this estimate
    (`python tests/benchmarks/memory_use.py`).
    """
    run, counts = runs[0], count(runs[0])
    task, models = run.task, len(runs)
    training = tape(run, True) if compiler() is not None and not gpu else None
    evaluation = tape(run, False) if training is not None else None
    examples = 4 * task.inputs * (run.train_size + int(HELD_OUT * task.max_size))
    source = 8 * task.inputs * int((1 + HELD_OUT) * task.max_size)  # float64, as the data set gives it
    distinct = len({(each.data_seed, each.label_noise, each.dataset_size, each.fold) for each in runs})
    drawn = max(2 * source, min(distinct * source, KEPT_BYTES))  # what load() makes it from, and what it keeps
    orders = 16 * min(ORDER_NUMBERS, models * run.batch * min(ORDER_CHUNK, run.steps))
    own = RESULT_BYTES * models + orders + 4 * models * EVAL_ROWS * (task.inputs + 4 * task.outputs)
    if training is not None and evaluation is not None:
        places = max(training.space, evaluation.space) + max(training.scratch, evaluation.scratch)
        # Weights and two moments of every model; a gradient, and initial values in float64, of one.
        own += 12 * models * counts.params + 12 * counts.params + 4 * places + 3 * distinct * examples
        return Size(own=own, shared=LIBRARY_BYTES + drawn)
    forward = counts.activations + task.inputs
    step, measured = 4 * run.batch * (task.inputs + 3 * counts.activations), 4 * EVAL_ROWS * forward
    own += models * (28 * counts.params + max(step, measured)) + 2 * distinct * examples
    return Size(own=own, shared=LIBRARY_BYTES + TORCH_BYTES + drawn)


def needed(run: RunSpec) -> int:
    """Return the bytes that a worker takes when it trains one run."""
    return size((run,)).total + WORKER_BYTES


def available(root: Path = SYSTEM) -> int | None:
    """Return the bytes that a process may still take: of the machine, or of its control group where that has less.

    None where the system does not say. Control groups are of Linux alone: elsewhere the machine's memory counts.
    """
    import psutil  # here: who only trains or measures does without it

    rooms = list[int]()
    with suppress(OSError, psutil.Error, LookupError, ValueError):
        rooms.append(psutil.virtual_memory().available)
    for folder, names in _groups(root):
        limit, usage = (_number(folder / name) for name in names[:2])
        if limit is not None and usage is not None:  # pages of files that nobody used lately can go
            rooms.append(limit - usage + (_number(folder / "memory.stat", names[2]) or 0))
    return max(0, min(rooms)) if rooms else None


def resident(pid: int | None = None) -> int:
    """Return the bytes that a process, by default this one, has in memory; 0 where it has ended."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except (psutil.Error, OSError):
        return 0


def refusal(runs: Sequence[RunSpec], held: int = 0, root: Path = SYSTEM) -> str:
    """Return a sentence on a run that cannot fit on this machine, with a next step; "" where each fits by itself.

    `held`: bytes that living workers take; they will be free for these runs when the workers are done with theirs.
    """
    room = available(root)
    if room is None or not runs or buckets.gpus():
        return ""  # a GPU's memory is known to its worker alone
    shapes = {buckets.shape(run): run for run in runs}
    largest, bytes_ = max(((run, needed(run)) for run in shapes.values()), key=lambda pair: pair[1])
    if bytes_ <= room + held:
        return ""
    return _(
        "{arch} of width {width} and depth {depth} with batch size {batch} needs about {needed} of memory, "
        "and this machine has {left}: take a smaller width, depth or batch size, or close other programs.",
        arch=largest.arch,
        width=largest.width,
        depth=largest.depth,
        batch=largest.batch,
        needed=words(bytes_),
        left=words(room + held),
    )


def oom_kills(root: Path = SYSTEM) -> int:
    """Return how many processes the system has killed for lack of memory, in our control group where it counts them.

    Linux alone counts them: elsewhere it is always 0, and such a kill looks like one by a user.
    """
    for folder, names in _groups(root):
        if (found := _number(folder / names[3], "oom_kill")) is not None:
            return found
    return _number(root / "proc/vmstat", "oom_kill") or 0


def words(bytes_: float) -> str:
    """Return e.g. "12.3 GiB"."""
    return f"{bytes_ / 2**30:.1f} GiB" if bytes_ >= 2**30 else f"{bytes_ / 2**20:.0f} MiB"


_V2 = ("memory.max", "memory.current", "inactive_file", "memory.events")
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control")


def _groups(root: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the folders of our control group and of those above it, each with the names of its files and fields.

    In a container the path may begin at a folder that is not mounted: then what is mounted is its own.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        kinds, path = line.split(":", 2)[1:] if line.count(":") > 1 else ("none", "")
        if kinds in ("", "memory"):
            base = root / "sys/fs/cgroup" / kinds
            own = base / path.lstrip("/")
            for folder in (own, *own.parents):
                if folder.is_dir() and folder.is_relative_to(base):
                    yield folder, _V1 if kinds else _V2


def _number(path: Path, name: str = "") -> int | None:
    """Return the number after `name` at the beginning of a line, or the first of a file; None where there is none."""
    for line in _text(path).splitlines():
        before, *rest = line.split() or [""]
        word = rest[0] if name and before == name and rest else before
        if (before == name or not name) and word.isdecimal():
            return int(word)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
