"""Regression on a random tanh network's output, or its signs: error falls as a power of the student's size.

Source of the setting: U. Sharma, J. Kaplan, "A neural scaling law from the dimension of the data manifold",
arXiv:2004.10802.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, sampling, standardised
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 20_000, 2_000, 5_000
UNITS = 16
GAIN = 2.0
"""Weights are normal with deviation GAIN/√fan-in: at 1 the teacher would be close to a straight line."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: x uniform in [−1, 1]^d, y the output of a teacher.

    The teacher is a tanh network d-16-16-1 with weights drawn by the data seed; its output, free of noise, is
    standardised by the pool. With `signs` it has that many outputs, and the answer to each is whether it is above its
    median: class 1, or 0.
    """
    rng, dimension = sampling(data_seed), options["dimension"]
    x = rng.uniform(-1, 1, (TRAIN + VALIDATION + TEST, dimension))
    hidden = x
    for fan_in in (dimension, UNITS):
        weights = rng.standard_normal((fan_in, UNITS)) * GAIN / np.sqrt(fan_in)
        hidden = np.tanh(hidden @ weights + 0.5 * rng.standard_normal(UNITS))
    y = hidden @ rng.standard_normal((UNITS, max(1, options["signs"])))
    if options["signs"]:
        return cut(x, (y > np.median(y[:TRAIN], axis=0)).astype(np.int64), TRAIN, VALIDATION)
    return cut(x, standardised(y, np.arange(TRAIN)), TRAIN, VALIDATION)


def task(options: Mapping[str, Any]) -> Task:
    """Return d numbers in, one out, or as many signs as the option says."""
    shape, signs = (options["dimension"],), options["signs"]
    if signs == 1:
        raise ValueError(_("signs=1 is not possible; allowed: 0, or a whole number from 2 to 64."))
    if signs:
        return Task(shape=shape, outputs=2 * signs, max_size=TRAIN, loss="sequence", answers=signs)
    return Task(shape=shape, outputs=1, max_size=TRAIN, loss="mse")


DATASET = Dataset(
    title=_("Teacher and student (regression)"),
    task=task,
    load=load,
    knobs=(
        Knob(
            name="dimension",
            kind=int,
            default=4,
            label=_("Dimension"),
            help=_("Numbers in one example, each uniform between −1 and 1."),
            group="Data",
            low=1,
            high=64,
        ),
        Knob(
            name="signs",
            kind=int,
            default=0,
            label=_("Signs"),
            help=_(
                "0: the teacher's one output is to be predicted. From 2: the signs of so many outputs, all at once."
            ),
            group="Data",
            low=0,
            high=64,
        ),
    ),
)
