"""Image sets that are downloaded from openml.org once and kept in the home folder."""

import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import numpy as np

from engine.data.splits import cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION = 50_000, 5_000  # of the 60,000 that are not test
OFFICIAL_TEST = 10_000
"""Images at the end of the file, which by convention nothing is trained on."""


def images_loader(
    name: str, train: int, validation: int
) -> Callable[[int, Mapping[str, Any]], tuple[Split, Split, Split]]:
    """Return the `load` of the images `name`: pool and validation drawn by the data seed, the test set as published.

    Pixels are from 0 to 255. Its Raises: ValueError: where they are not on disk and cannot be downloaded, and what to
    do.
    """

    def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
        x, y, tests = _kept(name)
        order = sampling(data_seed).permutation(len(y) - tests)[: train + validation]
        places = np.concatenate([order, np.arange(len(y) - tests, len(y))])
        return cut(x[places], y[places].astype(np.int64), train, validation)

    return load


def images(name: str, title: str) -> Dataset:
    """Return the data set of the 28×28 images `name`, of ten classes, in the sizes that both MNISTs have."""
    task = Task(shape=(1, 28, 28), outputs=10, max_size=TRAIN)
    return Dataset(
        title=title,
        task=lambda options: task,
        load=images_loader(name, TRAIN, VALIDATION),
        scaling="all",
        on_disk=lambda: on_disk(name),
    )


def on_disk(name: str) -> bool:
    """Return whether the images `name` are here, so that nothing is downloaded."""
    return _file(name).is_file()


def _file(name: str) -> Path:
    home = Path(os.environ.get("SCALESCOPE_HOME") or "~/.scalescope")
    return home.expanduser().absolute() / "data" / f"{name}.npz"


def _kept(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return pixels (n, pixels), classes (n,) and how many of the last of them are test images."""
    file = _file(name)
    if not file.is_file():
        pixels, classes = _download(name)
        kept = _without_repeats(pixels)
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            np.savez(part, x=pixels[kept], y=classes[kept], tests=(kept >= len(pixels) - OFFICIAL_TEST).sum())
        Path(part.name).replace(file)  # whole or not at all, whoever downloads beside us
    with np.load(file) as found:
        return found["x"], found["y"], int(found["tests"])


def _without_repeats(pixels: np.ndarray) -> np.ndarray:
    """Return the places of images that no later one equals, rising: of two equal ones the test set keeps its own."""
    last = {row.tobytes(): place for place, row in enumerate(pixels)}
    return np.array(sorted(last.values()))


def _download(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels (n, pixels) and classes (n,) as bytes."""
    from sklearn.datasets import fetch_openml  # here: it takes 1.6 s

    try:
        with TemporaryDirectory() as folder:
            bunch = fetch_openml(name, version=1, as_frame=False, data_home=folder, n_retries=1, delay=0.5)
    except (OSError, EOFError, zlib.error) as error:  # no network, no such host, a cut connection
        raise ValueError(
            f"{name} is not on this machine and could not be downloaded from openml.org ({error}). Connect to the "
            f"internet and train again, or copy {_file(name)} from a machine that has it, or pick another data set."
        ) from error
    return bunch.data.astype(np.uint8), bunch.target.astype(np.uint8)
