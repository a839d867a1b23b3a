"""Many sparse parities at once, some asked for often and most rarely: sudden jumps that add up to a power law.

Source: E. Michaud et al., "The quantization model of neural scaling", arXiv:2303.13506.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, distinct, sampling
from engine.datasets.parity import BITS, RELEVANT_BITS
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 20_000, 2_000, 5_000
FEWEST_BITS = 20
"""With fewer bits, a frequent task would run out of strings."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: control bits, 1 at the task and 0 elsewhere, then bits of ±1.

    Task number r of 1, 2, 3, … is drawn with a probability in proportion to r^−(1 + zipf), and asks for the
    parity of its own few bits, drawn by the data seed; class 1 where an odd number of them is −1. A string
    that is drawn for the second time is drawn again.
    """
    rng = sampling(data_seed)
    tasks, bits = options["tasks"], options["bits"]
    relevant = rng.permuted(np.tile(np.arange(bits), (tasks, 1)), axis=1)[:, : options["relevant_bits"]]
    frequency = np.arange(1, tasks + 1) ** -(1.0 + options["zipf"])
    count = TRAIN + VALIDATION + TEST
    asked = rng.choice(tasks, count, p=frequency / frequency.sum())
    strings = rng.integers(0, 2, (count, bits))
    while len(fresh := distinct(np.column_stack([asked, strings]))) < count:
        again = np.setdiff1d(np.arange(count), fresh)
        strings[again] = rng.integers(0, 2, (len(again), bits))
    y = np.take_along_axis(strings, relevant[asked], axis=1).sum(axis=1) % 2
    return cut(np.hstack([np.eye(tasks)[asked], 1 - 2 * strings]), y, TRAIN, VALIDATION)


def task(options: Mapping[str, Any]) -> Task:
    """Return control bits and a string of bits in, a parity out. Raises: ValueError: for too short a string."""
    if options["bits"] < FEWEST_BITS:
        raise ValueError(
            _(
                "bits={bits} is not possible for multitask-parity; allowed: a whole number from {fewest} to "
                "{most:.0f}.",
                bits=options["bits"],
                fewest=FEWEST_BITS,
                most=BITS.high,
            )
        )
    return Task(shape=(options["tasks"] + options["bits"],), outputs=2, max_size=TRAIN)


DATASET = Dataset(
    title=_("Multitask sparse parity (strings of bits)"),
    task=task,
    load=load,
    knobs=(
        Knob(
            name="tasks",
            kind=int,
            default=50,
            label=_("Tasks"),
            help=_("Parities to be learned, each with a control bit that asks for it (500 in the source)."),
            group="Data",
            low=1,
            high=500,
        ),
        Knob(
            name="zipf",
            kind=float,
            default=0.4,
            label=_("Zipf exponent"),
            help=_("The task of rank r comes up in proportion to r^−(1 + this)."),
            group="Data",
            low=-1.0,
            high=3.0,
        ),
        BITS,
        RELEVANT_BITS,
    ),
)
