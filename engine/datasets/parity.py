"""Sparse parity: whether an odd number of k bits is set, hidden among n: nothing, then suddenly everything.

Source: B. Barak et al., "Hidden progress in deep learning: SGD learns parities near the computational limit",
arXiv:2207.08799.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, sampling, without_tenths
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

MOST = 25_000
"""Most examples in all; a tenth is held out for validation and a tenth for test."""

BITS = Knob(
    name="bits",
    kind=int,
    default=30,
    label=_("Bits"),
    help=_("Length of a string of random bits, given as +1 and −1."),
    group="Data",
    low=6,
    high=100,
)
RELEVANT_BITS = Knob(
    name="relevant_bits",
    kind=int,
    default=3,
    label=_("Relevant bits"),
    help=_("How many of the bits the answer depends on; which ones is drawn by the data seed."),
    group="Data",
    low=1,
    high=6,
)
LOSS = Knob(
    name="loss",
    kind=str,
    default="hinge",
    label=_("Loss"),
    help=_("Hinge, of one output against ±1 as in the source, or cross-entropy of two classes."),
    group="Data",
    choices=lambda: ("hinge", "cross-entropy"),
)


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: distinct strings of ±1, class 1 where an odd number is −1.

    For hinge, class 1 is the target +1 and class 0 is −1.
    """
    rng = sampling(data_seed)
    relevant = rng.permutation(options["bits"])[: options["relevant_bits"]]
    strings = _strings(rng, options["bits"])
    train, validation = _sizes(options["bits"])
    y = strings[:, relevant].sum(axis=1) % 2
    if options["loss"] == "hinge":
        y = 2.0 * y[:, None] - 1
    return cut(1 - 2 * strings, y, train, validation)


def _strings(rng: np.random.Generator, bits: int) -> np.ndarray:
    """Return distinct strings of 0 and 1 in random order, (n, bits): MOST of them, or all there are."""
    if 2**bits <= 4 * MOST:
        numbers = rng.permutation(2**bits)[:MOST]
        return np.asarray(numbers[:, None] >> np.arange(bits) & 1)
    strings = np.empty((0, bits), dtype=np.int64)
    while len(strings) < MOST:
        strings = np.concatenate([strings, rng.integers(0, 2, (MOST, bits))])
        strings = strings[np.sort(np.unique(np.packbits(strings, axis=1), axis=0, return_index=True)[1])]
    return strings[:MOST]


def _sizes(bits: int) -> tuple[int, int]:
    return without_tenths(min(2**bits, MOST))


def task(options: Mapping[str, Any]) -> Task:
    """Return a string of bits in, its parity out."""
    bits = options["bits"]
    size = _sizes(bits)[0]
    if options["loss"] == "hinge":
        return Task(shape=(bits,), outputs=1, max_size=size, loss="hinge")
    return Task(shape=(bits,), outputs=2, max_size=size)


DATASET = Dataset(title=_("Sparse parity (strings of bits)"), task=task, load=load, knobs=(BITS, RELEVANT_BITS, LOSS))
