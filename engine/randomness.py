"""Every random number of a run, from its two seeds alone: init, batch order, dropout, label noise, folds."""

import numpy as np

# The second word of the Philox key keeps the streams apart; stream 1 is each data set's own split.
LABEL_NOISE, INIT, ORDER, DROPOUT, FOLDS = 2, 3, 4, 5, 6


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return the generator of one stream of one seed."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], dtype=np.uint64)))


class BatchOrder:
    """The examples of each step: shuffled epochs end to end, a batch may span two of them."""

    def __init__(self, seed: int, dataset_size: int, batch: int) -> None:
        self._random = generator(seed, ORDER)
        self._size, self._batch = dataset_size, batch
        self._ahead = np.empty(0, dtype=np.int64)

    def take(self, steps: int) -> np.ndarray:
        """Return the example numbers (steps, batch) of the next `steps` steps."""
        if self._batch == self._size:  # full batch: its order cannot matter
            return np.tile(np.arange(self._size), (steps, 1))
        need = steps * self._batch
        epochs = -(-(need - len(self._ahead)) // self._size)
        fresh = [self._random.permutation(self._size) for _ in range(max(epochs, 0))]
        stream = np.concatenate([self._ahead, *fresh])
        self._ahead = stream[need:]
        return stream[:need].reshape(steps, self._batch)


def with_wrong_labels(labels: np.ndarray, classes: int, share: float, data_seed: int) -> np.ndarray:
    """Return `labels` (n,) of which exactly round(share·n) are moved to another class, uniformly."""
    random = generator(data_seed, LABEL_NOISE)
    wrong = random.permutation(len(labels))[: round(share * len(labels))]
    noisy = labels.copy()
    noisy[wrong] = (noisy[wrong] + random.integers(1, classes, len(wrong))) % classes
    return noisy


def with_other_targets(targets: np.ndarray, share: float, data_seed: int) -> np.ndarray:
    """Return `targets` (n, outputs), exactly round(share·n) replaced by those of other examples that differ."""
    random = generator(data_seed, LABEL_NOISE)
    replaced = random.permutation(len(targets))[: round(share * len(targets))]
    alike = np.unique(targets, axis=0, return_inverse=True)[1].ravel()
    in_order, sizes = np.argsort(alike, kind="stable"), np.bincount(alike)
    first, own = (np.cumsum(sizes) - sizes)[alike[replaced]], sizes[alike[replaced]]
    others = len(targets) - own
    replaced, first, own, others = (a[others > 0] for a in (replaced, first, own, others))
    place = random.integers(0, others)  # among all that differ: in order, past the example's own equals
    noisy = targets.copy()
    noisy[replaced] = targets[in_order[place + own * (place >= first)]]
    return noisy


def dropout_base(seed: int, step: int, site: int) -> int:
    """Return the 32-bit number from which the dropout mask of one site in one step is hashed."""
    words = np.random.SeedSequence([DROPOUT, seed, step, site]).generate_state(1, np.uint32)
    return int(words[0])


def kept_units(base: int, rows: int, units: int, dropout: float) -> np.ndarray:
    """Return the mask (rows, units) of units that stay: a 32-bit hash of (base, row, unit) against the rate.

    The hash is the finaliser "lowbias32". Source: C. Wellons, hash-prospector, 2018.
    """
    x = (np.arange(rows * units, dtype=np.uint64) + base) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return (x >= dropout_threshold(dropout)).reshape(rows, units)


def dropout_threshold(dropout: float) -> int:
    """Return the hash below which a unit is dropped: `dropout` as a share of 2^32."""
    return round(dropout * 2**32)
