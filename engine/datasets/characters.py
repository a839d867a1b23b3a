"""The next character of Python's own standard library, from those before it: a small language model's task.

Training, validation and test examples come from different files.
"""

import os
import platform
import sys
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, sampling
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 200_000, 4_096, 8_192
HELD_OUT = (0.05, 0.1)
"""Shares of all files that only validation and only test see."""

SYMBOLS = "\n\t" + "".join(map(chr, range(32, 127)))
"""Four spaces are written as one tab, and all other characters as ~."""

LEFT_OUT = {"encodings", "pydoc_data", "test", "tests", "tkinter", "idlelib", "turtledemo", "lib2to3", "ensurepip"}
"""Files that are left out: tables, tests, and modules that some installations lack."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: `context` tokens, and the one that follows as class.

    The three come from different files, which are the same for every data seed; the data seed draws the positions in
    them. As in any text, short strings of one file occur in others too. Data and keys belong to one version of Python.
    """
    rng, context = sampling(data_seed), options["context"]
    windows = []
    for text, count in zip(texts(), (TRAIN, VALIDATION, TEST), strict=True):
        start = np.arange(len(text) - context, dtype=np.int32)  # half as long, which is faster to shuffle
        rng.shuffle(start)
        windows.append(text[start[:count, None] + np.arange(context + 1)])
    rows = np.concatenate(windows)
    return cut(rows[:, :-1], rows[:, -1].astype(np.int64), TRAIN, VALIDATION)


@lru_cache(maxsize=1)
def texts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the symbol numbers of all files for training, validation and test, end to end, each (characters,)."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for name, path in files():
        hashed = zlib.crc32(name.encode()) / 2**32  # a file is in the same split in every version
        part = 1 if hashed < HELD_OUT[0] else 2 if hashed < sum(HELD_OUT) else 0
        parts[part].append(path.read_text(encoding="utf-8", errors="replace").replace("    ", "\t"))
    numbers = np.full(256, SYMBOLS.index("~"), dtype=np.uint8)
    numbers[np.frombuffer(SYMBOLS.encode(), dtype=np.uint8)] = np.arange(len(SYMBOLS))
    codes = (np.frombuffer("".join(part).encode("utf-32-le"), dtype=np.uint32) for part in parts)
    train, val, test = (numbers[np.minimum(code, 255)] for code in codes)
    return train, val, test


def files() -> Iterator[tuple[str, Path]]:
    """Yield name and path of the standard library's modules, sorted by name."""
    root = Path(os.__file__).parent
    for module in sorted(sys.stdlib_module_names - LEFT_OUT):
        if module.startswith("_sysconfigdata"):
            continue  # made by each installation
        for path in [root / f"{module}.py", *sorted((root / module).rglob("*.py"))]:
            name = path.relative_to(root)
            if path.is_file() and not LEFT_OUT.intersection(name.parts):
                yield name.as_posix(), path


def task(options: Mapping[str, Any]) -> Task:
    """Return `context` characters in, one out."""
    return Task(shape=(options["context"],), outputs=len(SYMBOLS), max_size=TRAIN, tokens=len(SYMBOLS))


DATASET = Dataset(
    title=_("Characters (source text of Python {version})", version=platform.python_version()),
    task=task,
    load=load,
    version=platform.python_version(),
    knobs=(
        Knob(
            name="context",
            kind=int,
            default=8,
            label=_("Context"),
            help=_("Characters a model sees before the one it is to name."),
            group="Data",
            low=1,
            high=64,
        ),
    ),
)
