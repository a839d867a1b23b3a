"""Image sets that are downloaded from openml.org once, into the home folder."""

import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import numpy as np

from engine.base.atomic import put_in_place
from engine.base.language import _
from engine.data.splits import cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION = 50_000, 5_000  # of the 60,000 that are not test
OFFICIAL_TEST = 10_000
"""Number of images at the end of the file that are test images by convention."""


def images_loader(
    name: str, train: int, validation: int
) -> Callable[[int, Mapping[str, Any]], tuple[Split, Split, Split]]:
    """Return the `load` of the images `name`: pool and validation drawn by the data seed, the test set as published.

    Pixels are from 0 to 255. `load` raises ValueError where the images are not on disk and cannot be downloaded, in a
    sentence with a next step.
    """

    def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
        x, y, tests = _stored(name)
        order = sampling(data_seed).permutation(len(y) - tests)[: train + validation]
        rows = np.concatenate([order, np.arange(len(y) - tests, len(y))])
        return cut(x[rows], y[rows].astype(np.int64), train, validation)

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
    """Return whether the images `name` are on this machine, so that nothing is downloaded."""
    return _file(name).is_file()


def _file(name: str) -> Path:
    home = Path(os.environ.get("SCALESCOPE_HOME") or "~/.scalescope")
    return home.expanduser().absolute() / "data" / f"{name}.npz"


def _stored(name: str) -> tuple[np.ndarray, np.ndarray, int]:
    """Return pixels (n, pixels), classes (n,) and how many at the end are test images; download them if need be."""
    file = _file(name)
    if not file.is_file():
        pixels, classes = _download(name)
        rows = _without_repeats(pixels)
        file.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            np.savez(part, x=pixels[rows], y=classes[rows], tests=(rows >= len(pixels) - OFFICIAL_TEST).sum())
        put_in_place(Path(part.name), file)  # whole or not at all, also where another process downloads
    with np.load(file) as found:
        return found["x"], found["y"], int(found["tests"])


def _without_repeats(pixels: np.ndarray) -> np.ndarray:
    """Return the indices of images that no later one equals, rising: of two equal ones, the test set has its own."""
    last = {row.tobytes(): index for index, row in enumerate(pixels)}
    return np.array(sorted(last.values()))


def _download(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels (n, pixels) and classes (n,) as bytes."""
    from sklearn.datasets import fetch_openml  # here: it takes 1.6 s

    try:
        with TemporaryDirectory() as folder:
            bunch = fetch_openml(name, version=1, as_frame=False, data_home=folder, n_retries=1, delay=0.5)
    except (OSError, EOFError, zlib.error) as error:  # no network, no such host, a cut connection
        raise ValueError(
            _(
                "{name} is not on this machine and could not be downloaded from openml.org ({error}). Connect to the "
                "internet and train again, or copy {file} from a machine that has it, or pick another data set.",
                name=name,
                error=error,
                file=_file(name),
            )
        ) from error
    return bunch.data.astype(np.uint8), bunch.target.astype(np.uint8)
