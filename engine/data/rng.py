"""Draws every random number of a run from its two seeds alone: initial weights, batches, dropout, noise, folds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

# The second word of the Philox key separates the streams; stream 1 is the sample and split of a data set.
LABEL_NOISE, INIT, ORDER, DROPOUT, FOLDS, AUGMENT, NOISE = 2, 3, 4, 5, 6, 7, 8

ORDER_CHUNK, ORDER_NUMBERS = 256, 2**19
"""Steps, and numbers of examples of all models, that are drawn at a time at most. The kernel takes them model by model:
the more at a time, the longer a model's examples stay in a core's cache.
"""


def generator(seed: int, stream: int, step: int = 0) -> np.random.Generator:
    """Return the generator of one stream of one seed, or of one step of it: a counter's highest word."""
    key, counter = np.array([seed, stream], dtype=np.uint64), np.array([0, 0, 0, step], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


class BatchOrder:
    """The examples of each step: shuffled epochs end to end, where a batch may span two of them."""

    def __init__(self, seed: int, dataset_size: int, batch: int) -> None:
        self._seed, self._size, self._batch = seed, dataset_size, batch
        self._ahead = np.empty(0, dtype=np.int64)
        self.go_to(0, 0)

    def take(self, steps: int) -> np.ndarray:
        """Return the example numbers (steps, batch) of the next `steps` steps."""
        if self._batch == self._size:  # full batch: its order cannot matter
            return np.tile(np.arange(self._size), (steps, 1))
        need = steps * self._batch
        epochs = -(-(need - len(self._ahead)) // self._size)
        fresh = [self._random.permutation(self._size) for _ in range(epochs - 1)]
        if epochs > 0:
            self._began = self._drawn()
            fresh.append(self._random.permutation(self._size))
        stream = np.concatenate([self._ahead, *fresh])
        self._ahead = stream[need:]
        return stream[:need].reshape(steps, self._batch)

    @property
    def began(self) -> int:
        """How many random numbers of 32 bits were drawn before the epoch of the next example."""
        return self._began if len(self._ahead) else self._drawn()

    def go_to(self, began: int, taken: int) -> None:
        """Continue from example number `taken` of the epoch before which `began` random numbers were drawn."""
        random = np.random.Philox(key=np.array([self._seed, ORDER], dtype=np.uint64), counter=began // 8)
        self._random, self._began = np.random.Generator(random), began
        self._random.integers(2**32, size=began % 8, dtype=np.uint32)
        self._ahead = self._random.permutation(self._size)[taken:] if taken else self._ahead[:0]

    def _drawn(self) -> int:
        state: Any = self._random.bit_generator.state
        words = 4 * (int(state["state"]["counter"][0]) - 1) + int(state["buffer_pos"])
        return 2 * words - int(state["has_uint32"])


def with_wrong_labels(labels: np.ndarray, classes: int, share: float, data_seed: int) -> np.ndarray:
    """Return `labels` (n,) of which exactly round(share·n) are changed to another class, uniformly."""
    random = generator(data_seed, LABEL_NOISE)
    wrong = random.permutation(len(labels))[: round(share * len(labels))]
    noisy = labels.copy()
    noisy[wrong] = (noisy[wrong] + random.integers(1, classes, len(wrong))) % classes
    return noisy


def with_other_targets(targets: np.ndarray, share: float, data_seed: int) -> np.ndarray:
    """Return `targets` (n, outputs or answers), of which exactly round(share·n) are replaced by different ones."""
    random = generator(data_seed, LABEL_NOISE)
    replaced = random.permutation(len(targets))[: round(share * len(targets))]
    alike = np.unique(targets, axis=0, return_inverse=True)[1].ravel()
    in_order, sizes = np.argsort(alike, kind="stable"), np.bincount(alike)
    first, own = (np.cumsum(sizes) - sizes)[alike[replaced]], sizes[alike[replaced]]
    others = len(targets) - own
    replaced, first, own, others = (a[others > 0] for a in (replaced, first, own, others))
    rank = random.integers(0, others)  # among all that differ, in order, skipping the equal ones
    noisy = targets.copy()
    noisy[replaced] = targets[in_order[rank + own * (rank >= first)]]
    return noisy


def dropout_base(seed: int, step: int, site: int) -> int:
    """Return the 32-bit number from which the dropout mask of one site in one step is hashed."""
    words = np.random.SeedSequence([DROPOUT, seed, step, site]).generate_state(1, np.uint32)
    return int(words[0])


def dropout_mask(base: int, rows: int, units: int, dropout: float) -> np.ndarray:
    """Return the mask (rows, units), True where a 32-bit hash of (base, row, unit) does not drop the unit.

    The hash is the finaliser "lowbias32". Source: C. Wellons, hash-prospector, 2018.
    """
    return (_hashed(base, rows * units) >= dropout_threshold(dropout)).reshape(rows, units)


def _hashed(base: int, count: int) -> np.ndarray:
    x = (np.arange(count, dtype=np.uint64) + base) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return x ^ (x >> 16)


def dropout_threshold(dropout: float) -> int:
    """Return the hash below which a unit is dropped: `dropout` as a share of 2^32."""
    return round(dropout * 2**32)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How one step augments the examples of its batch: rotation, shift and mixing, in this order."""

    angle: np.ndarray
    """(batch,) rotation of each image, in radians, clockwise."""
    shift: np.ndarray
    """(batch, 2) grid points by which each example shifts down and to the right; a signal shifts to the right only."""
    share: np.ndarray
    """(batch,) share of each example in its mixture; 1 where nothing is mixed."""
    partner: np.ndarray
    """(batch,) row of the example that has the rest of the mixture."""


def changes(seed: int, step: int, batch: int, *, shift: int, rotate: float, mixup: float) -> Changes:
    """Return how one step of a run with these settings augments its batch; see docs/conventions.md."""
    random = generator(seed, AUGMENT, step)
    return Changes(
        angle=np.deg2rad(random.uniform(-rotate, rotate, batch)),
        shift=random.integers(-shift, shift + 1, (batch, 2)),
        share=random.beta(mixup, mixup, batch) if mixup else np.ones(batch),
        partner=random.integers(0, batch, batch),
    )


def noise_bases(seed: int, step: int) -> tuple[int, int]:
    """Return the two 32-bit numbers from which the noise on the inputs of one step is hashed."""
    first, second = np.random.SeedSequence([NOISE, seed, step]).generate_state(2, np.uint32)
    return int(first), int(second)


def noise(bases: tuple[int, int], rows: int, inputs: int) -> np.ndarray:
    """Return normal numbers (rows, inputs), each of two hashes. Source: G. Box, M. Muller, 1958."""
    first, second = (_hashed(base, rows * inputs).reshape(rows, inputs) for base in bases)
    return np.asarray(np.sqrt(-2 * np.log((first + 0.5) / 2**32)) * np.cos(second * (2 * np.pi / 2**32)))
