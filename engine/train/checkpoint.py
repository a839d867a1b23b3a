"""Checkpoints of buckets in training: one file each, from which a later worker goes on."""

import hashlib
import json
import math
import mmap
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from engine import FOLDER
from engine.base.atomic import whole
from engine.base.language import _
from engine.spec.result import EvalPoint
from engine.spec.run import ENGINE_VERSION, RunSpec
from engine.train.loop import State, reader_of

MAGIC = b"scalescope checkpoint 1\n"
"""The first line; then a line of JSON, the arrays end to end, and the sha256 of all before it."""

EVERY = 30.0
"""Seconds that a bucket trains before its first checkpoint, and between two; SCALESCOPE_CHECKPOINT_SECONDS overrides.
"""

SHARE = 0.02
"""Share of the time in training that writing may take: a checkpoint that takes long is written less often."""

BYTES_PER_SECOND = 2e8
"""Seconds that the first checkpoint of a bucket is assumed to take; each one is timed for the next."""

LEAST_FREE = 2**28
"""Bytes on the disk that checkpoints leave free for results."""

KEPT_SECONDS = 7 * 24 * 3600.0
DRAFT_SECONDS = 3600.0
"""Age at which a worker that starts removes a checkpoint, and a draft of one that has no writer any more."""

MOST_HEAD = 2**24
"""Bytes of JSON that are read at most."""

ALIGNED = 64
"""The arrays begin at a multiple of this many bytes."""

DTYPES = ("float32", "float64", "int64")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a bucket in training."""

    keys: tuple[str, ...]
    """Keys of its runs."""
    state: State
    steps: tuple[int, ...]
    """Steps of the eval points so far."""
    metrics: np.ndarray
    """(models, points, metrics) float64."""
    point_seconds: tuple[float, ...]
    """Seconds in training up to each eval point, divided by the runs of the bucket."""
    seconds: float
    """Seconds in training so far, divided by the runs of the bucket."""

    def of(self, keys: Sequence[str]) -> "Checkpoint":
        """Return a copy for some of the runs alone; the checkpoint itself for all of them in their order."""
        if tuple(keys) == self.keys:
            return self
        models = [self.keys.index(key) for key in keys]
        return replace(self, keys=tuple(keys), state=self.state.of(models), metrics=self.metrics[models])

    def curves(self) -> dict[str, list[EvalPoint]]:
        """Return the points measured so far, by key of the run."""
        return {
            key: [EvalPoint(key=key, step=step, metrics=tuple(row)) for step, row in zip(self.steps, rows, strict=True)]
            for key, rows in zip(self.keys, self.metrics.tolist(), strict=True)
        }


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a file says of itself before its arrays; only reading all of it tells whether it is intact."""

    path: Path
    made_by: str
    keys: tuple[str, ...]
    step: int
    arrays: tuple[tuple[str, str, tuple[int, ...]], ...]
    """Name, dtype, shape."""
    about: Mapping[str, Any]
    begin: int
    """Where the arrays begin."""

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """Return the head of a file; None where the file is of another engine version, or not as long as it says."""
        try:
            if not stat.S_ISREG((status := path.lstat()).st_mode):
                return None
            with path.open("rb") as file:
                if file.readline(len(MAGIC)) != MAGIC:
                    return None
                about = json.loads(file.readline(MOST_HEAD))
                begin = file.tell()
            arrays = tuple((str(n), str(d), tuple(int(i) for i in s)) for n, d, s in about["arrays"])
            sizes = [math.prod(shape) * np.dtype(d).itemsize for _name, d, shape in arrays if d in DTYPES]
            complete = len(sizes) == len(arrays) and begin + sum(sizes) + 32 == status.st_size
            if not complete or about["engine_version"] != ENGINE_VERSION:
                return None
            keys, step = tuple(str(key) for key in about["keys"]), int(about["step"])
            made_by = str(about["made_by"])
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None
        return cls(path=path, made_by=made_by, keys=keys, step=step, arrays=arrays, about=about, begin=begin)

    def read(self) -> Checkpoint | None:
        """Return the whole checkpoint; None where the file is gone or damaged."""
        found, at = {}, self.begin
        try:
            with self.path.open("rb") as file:
                # Pages of a file, which the system may drop, not memory of our own: a large model is there once.
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            if hashlib.sha256(memoryview(data)[:-32]).digest() != data[-32:]:
                return None
            for name, dtype, shape in self.arrays:
                found[name] = array = np.ndarray(shape, dtype, data, at)
                at += array.nbytes
            return Checkpoint(
                keys=self.keys,
                metrics=found.pop("metrics"),
                state=State(step=self.step, arrays=found),
                steps=tuple(self.about["steps"]),
                point_seconds=tuple(self.about["point_seconds"]),
                seconds=self.about["seconds"],
            )
        except (OSError, ValueError, TypeError, KeyError):
            return None


def write(path: Path, checkpoint: Checkpoint, made_by: str) -> None:
    """Write a checkpoint in one step, so that it outlives a power cut. Raises: OSError."""
    given = {**checkpoint.state.arrays, "metrics": checkpoint.metrics}
    arrays = {name: np.ascontiguousarray(array) for name, array in given.items()}
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))  # each at a multiple of its item
    about = {
        "engine_version": ENGINE_VERSION,
        "made_by": made_by,
        "keys": checkpoint.keys,
        "step": checkpoint.state.step,
        "steps": checkpoint.steps,
        "point_seconds": checkpoint.point_seconds,
        "seconds": checkpoint.seconds,
        "arrays": [(name, str(array.dtype), array.shape) for name, array in arrays.items()],
    }
    text = json.dumps(about).encode()
    head = MAGIC + text + b" " * (-(len(MAGIC) + len(text) + 1) % ALIGNED) + b"\n"
    bodies = [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    parts: list[bytes | memoryview] = [head, *bodies]
    digest = hashlib.sha256()
    with whole(path, durable=True) as file:
        for part in parts:
            digest.update(part)
            file.write(part)
        file.write(digest.digest())


@dataclass(kw_only=True)
class Checkpoints:
    """The checkpoints under `home`/checkpoints as one worker uses them; an error of a file costs a checkpoint only."""

    home: Path
    device: str
    every: float = field(default_factory=lambda: _seconds_between())

    def __post_init__(self) -> None:
        self._folder = self.home / "checkpoints"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
        _code()  # now: what lies there may be newer than what runs, later
        self._clean()

    def parts(self, runs: Sequence[RunSpec]) -> Iterator[tuple[tuple[RunSpec, ...], Checkpoint | None]]:
        """Yield the runs of one bucket: those of each checkpoint together with it, then those that have none."""
        left = {run.key: run for run in runs}
        for head in sorted(self._heads(), key=lambda head: -head.step):
            keys = [key for key in head.keys if key in left]
            if keys and head.made_by == made_by(runs[0], self.device) and (found := head.read()):
                yield tuple(left.pop(key) for key in keys), found.of(keys)
        if left:
            yield tuple(left.values()), None

    def due(self, seconds: float, cost: float) -> bool:
        """Return whether a bucket that has trained for `seconds` needs a checkpoint, which takes `cost` seconds."""
        return seconds >= max(self.every, cost / SHARE)

    def write(self, runs: Sequence[RunSpec], checkpoint: Checkpoint) -> float:
        """Write a checkpoint of a bucket in place of its last one; return the seconds it took, written or not."""
        begin = time.perf_counter()
        size = sum(array.nbytes for array in checkpoint.state.arrays.values())
        with suppress(OSError):  # a full disk, a folder that may not be written: training goes on
            if shutil.disk_usage(self._folder).free > size + LEAST_FREE:
                write(self._path(runs), checkpoint, made_by(runs[0], self.device))
        return time.perf_counter() - begin

    def remove(self, runs: Sequence[RunSpec]) -> None:
        """Remove the checkpoint of a bucket that is done, stopped or broken."""
        with suppress(OSError):
            self._path(runs).unlink(missing_ok=True)

    def clear(self, wanted: Collection[str]) -> None:
        """Remove each checkpoint that is not the latest of any run among the `wanted` keys."""
        heads = self._heads()
        latest = {
            (head.made_by, key): head.path
            for head in sorted(heads, key=lambda head: head.step)
            for key in head.keys
            if key in wanted
        }
        for path in {head.path for head in heads} - set(latest.values()):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _path(self, runs: Sequence[RunSpec]) -> Path:
        keys = " ".join(sorted(run.key for run in runs))
        return self._folder / f"{hashlib.sha256(keys.encode()).hexdigest()[:32]}.checkpoint"

    def _heads(self) -> list[Head]:
        return [head for path in self._files(".checkpoint") if (head := Head.of(path))]

    def _files(self, suffix: str) -> list[Path]:
        try:
            return sorted(path for path in self._folder.iterdir() if path.suffix == suffix)
        except OSError:
            return []

    def _clean(self) -> None:
        """Remove checkpoints and drafts from which no worker can go on."""
        for path in [*self._files(".checkpoint"), *self._files(".tmp")]:
            with suppress(OSError):
                old = time.time() - path.lstat().st_mtime
                draft = path.suffix == ".tmp"
                if old > (DRAFT_SECONDS if draft else KEPT_SECONDS) or (not draft and Head.of(path) is None):
                    path.unlink()


def made_by(run: RunSpec, device: str) -> str:
    """Return what the state of a run depends on beside its spec: the reader, the kind of device, torch, this code."""
    reader, kind = reader_of(run, device).__name__, torch.device(device).type
    return f"{reader} float32 {kind} torch {torch.__version__} engine {_code()}"


@cache
def _code() -> str:
    """Return a hash of the engine's sources: a state may mean something else to other code."""
    sources = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".py", ".cpp", ".h"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:24]


def _seconds_between() -> float:
    """Return EVERY, or what the environment says. Raises: ValueError: where that is no number of seconds."""
    text = os.environ.get("SCALESCOPE_CHECKPOINT_SECONDS") or str(EVERY)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(
            _("SCALESCOPE_CHECKPOINT_SECONDS={text:.20} is not possible; allowed: 0 or more seconds.", text=text)
        )
    return seconds
