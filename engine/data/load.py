"""Loads the data of a run: the splits of its data set, cut to size, with label noise."""

from dataclasses import dataclass

import numpy as np

from engine.data.rng import FOLDS, generator, with_other_targets, with_wrong_labels
from engine.data.splits import scaled
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.task import Split

KEPT_BYTES = 512 * 2**20
"""Most memory for data sets that wait for the next run of the same seed."""

_latest: dict[tuple[object, ...], tuple[Split, Split, Split]] = {}


@dataclass(frozen=True, kw_only=True)
class Data:
    """The data of one run."""

    train: Split
    """The training split; some of its labels are wrong where the spec has label noise."""
    val: Split
    test: Split
    flipped: np.ndarray
    """(train,) True where label noise has replaced the label."""


def load(spec: RunSpec) -> Data:
    """Return the data of a run; a larger training set contains the smaller ones of its data_seed."""
    pool, val, test = _splits(spec)
    x, y = pool.x[: spec.dataset_size], pool.y[: spec.dataset_size]
    if spec.folds:
        validates = _fold(spec)
        val = Split(x=x[validates], y=y[validates])
        x, y = x[~validates], y[~validates]
    noisy = _with_noise(y, spec)
    return Data(train=Split(x=x, y=noisy), val=val, test=test, flipped=(noisy != y).reshape(len(y), -1).any(axis=1))


def _with_noise(y: np.ndarray, spec: RunSpec) -> np.ndarray:
    if spec.task.loss in ("mse", "sequence"):  # another example's whole answer
        return with_other_targets(y, spec.label_noise, spec.data_seed)
    if spec.task.loss == "hinge":  # the sign is the class
        classes = (y[:, 0] > 0).astype(np.int64)
        return np.asarray(2.0 * with_wrong_labels(classes, 2, spec.label_noise, spec.data_seed)[:, None] - 1)
    return with_wrong_labels(y, spec.task.outputs, spec.label_noise, spec.data_seed)


def data_key(spec: RunSpec) -> tuple[object, ...]:
    """Return what determines a run's data: runs with equal data keys can share one copy."""
    own = (spec.dataset, spec.dataset_size, spec.standardize, spec.label_noise)
    return (*own, spec.data_seed, spec.folds, spec.fold, spec.options)


def _fold(spec: RunSpec) -> np.ndarray:
    """Return the mask (dataset_size,) of examples that validate: every `folds`-th of a shuffle from `fold` on."""
    validates = np.zeros(spec.dataset_size, dtype=bool)
    validates[generator(spec.data_seed, FOLDS).permutation(spec.dataset_size)[spec.fold :: spec.folds]] = True
    return validates


def _splits(spec: RunSpec) -> tuple[Split, Split, Split]:
    """Return the splits of a run's data set; the latest ones stay in memory."""
    key = (spec.dataset, spec.data_seed, spec.standardize, spec.options)
    dataset = registry.dataset(spec.dataset)
    scaling = dataset.scaling if spec.standardize == "default" else spec.standardize
    splits = _latest.pop(key, None) or scaled(dataset.load(spec.data_seed, dict(spec.options)), scaling)
    while _latest and sum(map(_size, _latest.values())) + _size(splits) > KEPT_BYTES:
        del _latest[next(iter(_latest))]
    _latest[key] = splits
    return splits


def _size(splits: tuple[Split, Split, Split]) -> int:
    return sum(split.x.nbytes + split.y.nbytes for split in splits)
