"""Which examples each step takes, for all models of a bucket: by compiled code where there is a compiler."""

import ctypes
from collections.abc import Sequence
from functools import cache

import numpy as np

from engine.data.rng import ORDER, BatchOrder
from engine.net.kernel import structures
from engine.net.kernel.build import library
from engine.net.kernel.structures import PHILOX_NUMBERS
from engine.spec.run import RunSpec


class BatchOrders:
    """A BatchOrder for each of `runs`, all of one shape; compiled code draws the same numbers on a CPU."""

    def __init__(self, runs: Sequence[RunSpec], device: str) -> None:
        self._batch, size = runs[0].batch, runs[0].train_size
        self._plain = [BatchOrder(run.seed, size, self._batch) for run in runs]
        compiled = library("float") if device == "cpu" and self._batch < size else None
        fits = compiled is not None and _draws_as_numpy(compiled)
        self._drawn = _Drawn(compiled, [run.seed for run in runs], size) if compiled and fits else None
        self._size, self._step = size, 0

    def take(self, steps: int) -> np.ndarray:
        """Return the example numbers (steps, models, batch) of the next steps; those of a model lie together."""
        self._step += steps
        if self._drawn is None:
            return np.stack([order.take(steps) for order in self._plain]).swapaxes(0, 1)
        return self._drawn.take(steps, self._batch).swapaxes(0, 1)

    def position(self) -> np.ndarray:
        """Return where the orders are, (models, 2): the steps taken, and each one's BatchOrder.began."""
        began = [order.began for order in self._plain] if self._drawn is None else self._drawn.began()
        return np.stack([np.full(len(began), self._step), np.array(began, dtype=np.int64)], axis=1)

    def go_to(self, position: np.ndarray, step: int) -> None:
        """Go on after `step` steps, at or a little beyond a `position` where these orders were."""
        self._step, taken = int(position[0, 0]), int(position[0, 0]) * self._batch % self._size
        if self._drawn is None:
            for order, began in zip(self._plain, position[:, 1].tolist(), strict=True):
                order.go_to(began, taken)
        else:
            self._drawn.go_to(position[:, 1].tolist(), taken)
        if step > self._step:
            self.take(step - self._step)


class _Drawn:
    """The orders in order.h."""

    def __init__(self, compiled: ctypes.CDLL, seeds: Sequence[int], size: int) -> None:
        self._compiled = compiled
        self._epochs = np.empty((len(seeds), size), dtype=np.int64)
        self._orders = (structures.Order * len(seeds))(
            *(
                structures.Order(key=(seed, ORDER), used=PHILOX_NUMBERS, epoch=epoch.ctypes.data, size=size, taken=size)
                for seed, epoch in zip(seeds, self._epochs, strict=True)
            )
        )

    def began(self) -> list[int]:
        """Return BatchOrder.began of every order."""
        return [
            order.began if order.taken < order.size else (order.counter - 1) * PHILOX_NUMBERS + order.used
            for order in self._orders
        ]

    def go_to(self, began: Sequence[int], taken: int) -> None:
        """Go to example `taken` of the epoch that `began` after so many random numbers."""
        for order, numbers in zip(self._orders, began, strict=True):
            order.counter, used = divmod(numbers, PHILOX_NUMBERS)
            order.taken, order.used = order.size, PHILOX_NUMBERS
            if used:  # numpy makes the eight of which some are used up
                block = np.random.Philox(key=np.array(order.key[:], dtype=np.uint64), counter=order.counter)
                order.numbers[:] = block.random_raw(PHILOX_NUMBERS // 2).view(np.uint32).tolist()
                order.counter, order.used = order.counter + 1, used
        if taken:
            self.take(1, 1)  # shuffles the epoch
        for order in self._orders if taken else ():
            order.taken = taken

    def take(self, steps: int, batch: int) -> np.ndarray:
        """Return (models, steps, batch)."""
        rows = np.empty((len(self._orders), steps, batch), dtype=np.int64)
        sizes = (ctypes.c_int64(length) for length in rows.shape)
        self._compiled.draw(self._orders, *sizes, ctypes.c_void_p(rows.ctypes.data))
        return rows


@cache
def _draws_as_numpy(compiled: ctypes.CDLL) -> bool:
    """Return whether this numpy still shuffles as order.h does."""
    return np.array_equal(_Drawn(compiled, [1], 100).take(3, 70)[0], BatchOrder(1, 100, 70).take(3))
