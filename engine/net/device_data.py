"""The data of a bucket as tensors, one copy for all models that see the same."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.data.load import data_key, load
from engine.spec.run import RunSpec

ROW_MULTIPLE = 32
"""Rows are filled up to whole vectors of the processor, so that no row is rounded by a leftover path."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """One split of every distinct data set, filled up with empty rows, of class −1 where there are classes."""

    x: Tensor
    """(distinct, rows, inputs)"""
    y: Tensor
    """(distinct, rows), (distinct, rows, answers) of a sequence, or (distinct, rows, outputs) of real numbers."""
    count: int
    """Number of rows that are examples; padding follows them."""
    variance: Tensor
    """(distinct,) float64: variance of the targets, by which errors are divided; 1 where they are shares of answers."""
    moved: Tensor | None = None
    """(distinct, rows) True where label noise has put another label; None where it has put none."""

    def first(self, count: int) -> "Examples":
        """Return the first `count` examples of every data set, or all where there are no more."""
        if count >= self.count:
            return self
        rows = count + -count % ROW_MULTIPLE
        y = self.y[:, :rows].clone()
        y[:, count:] = 0 if y.is_floating_point() else -1
        moved = self.moved
        if moved is not None:
            moved = moved[:, :rows].clone()
            moved[:, count:] = False
        return replace(self, x=self.x[:, :rows], y=y, count=count, moved=moved)


@dataclass(frozen=True, kw_only=True)
class DeviceData:
    """The splits of a bucket, and which of the distinct data sets each model sees."""

    train: Examples
    val: Examples
    test: Examples
    which: Tensor
    """(models,) the index of each model's data set along the first axis of the splits."""

    @classmethod
    def of(cls, runs: tuple[RunSpec, ...], device: str, dtype: torch.dtype) -> "DeviceData":
        """Load the data of `runs` onto `device`."""
        keys = [data_key(run) for run in runs]
        distinct = {key: load(run) for key, run in zip(keys, runs, strict=True)}
        index_of = {key: i for i, key in enumerate(distinct)}

        def stack(name: str) -> Examples:
            splits = [getattr(data, name) for data in distinct.values()]
            real, squares = splits[0].y.dtype.kind == "f", runs[0].task.loss == "mse"
            return Examples(
                x=_filled([s.x for s in splits], 0, device, dtype),
                y=_filled([s.y for s in splits], 0 if real else -1, device, dtype if real else torch.int64),
                count=len(splits[0].y),
                variance=torch.tensor([s.y.var(axis=0).mean() if squares else 1.0 for s in splits], device=device),
            )

        train, moved = stack("train"), np.stack([data.flipped for data in distinct.values()])
        if moved.any():
            moved = np.pad(moved, ((0, 0), (0, train.y.shape[1] - moved.shape[1])))
            train = replace(train, moved=torch.tensor(moved, device=device))
        return cls(
            train=train,
            val=stack("val"),
            test=stack("test"),
            which=torch.tensor([index_of[key] for key in keys], device=device),
        )

    def first(self, count: int) -> "DeviceData":
        """Return the first `count` examples of every split; their order is a random one."""
        train, val, test = (split.first(count) for split in (self.train, self.val, self.test))
        return DeviceData(train=train, val=val, test=test, which=self.which)


def _filled(arrays: list[np.ndarray], filling: int, device: str, dtype: torch.dtype) -> Tensor:
    """Return arrays (n, …) of one shape as one tensor (arrays, rows, …), each filled up to whole vectors of rows."""
    count, *rest = arrays[0].shape
    found = torch.full((len(arrays), count + -count % ROW_MULTIPLE, *rest), filling, dtype=dtype)
    for rows, array in zip(found, arrays, strict=True):
        rows[:count] = torch.from_numpy(np.ascontiguousarray(array))
    return found.to(device)
