"""What a data set asks of a model, and how a network sees an example: flat, as steps of units, or as a grid."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.spec.knob import Knob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Split:
    """One part of a dataset: x (n, inputs) float64, each row a flattened example, and the answers y.

    y is class numbers (n,) where the loss is cross-entropy, class numbers (n, answers) where it is sequence, float64
    (n, outputs) otherwise: ±1 for hinge.
    """

    x: "np.ndarray"
    y: "np.ndarray"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a data set asks of a model."""

    shape: tuple[int, ...]
    """Shape of one example: (features,), (channels, length), (channels, height, width), or (length,) of tokens."""
    outputs: int
    """Classes, or numbers that are predicted; for sequence answers × classes, those of the first answer first."""
    max_size: int
    """Number of training examples that the data set has."""
    tokens: int = 0
    """Size of the vocabulary where an example is a row of token numbers; 0 where it is a row of real numbers."""
    loss: Literal["cross-entropy", "mse", "hinge", "sequence"] = "cross-entropy"
    """What training minimises, as in net/losses.py."""
    answers: int = 1
    """Class numbers that each example asks for; more than 1 where the loss is sequence alone."""

    @property
    def inputs(self) -> int:
        """Number of inputs in one example."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A source of examples with fixed splits; validation and test labels are always clean."""

    title: str
    task: "Callable[[Mapping[str, Any]], Task]"
    """Options of the data set, e.g. a modulus → its task; called often, so it loads nothing."""
    load: "Callable[[int, Mapping[str, Any]], tuple[Split, Split, Split]]"
    """(data_seed, options) → training pool of max_size, validation, test."""
    scaling: Literal["off", "each", "all"] = "off"
    """How inputs are standardised by the training pool, unless a run says otherwise: see splits.scaled."""
    knobs: tuple[Knob, ...] = ()
    on_disk: "Callable[[], bool]" = lambda: True
    """Whether the data are on this machine; otherwise `load` downloads them once."""
    version: str = ""
    """Version of what `load` reads, where it differs between machines; then a part of every key."""


def grid_dims(task: Task) -> tuple[int, ...]:
    """Return the grid of an example, (channels, *grid); flat features are a signal of one channel."""
    return task.shape if len(task.shape) > 1 else (1, *task.shape)


def step_dims(task: Task) -> tuple[int, int]:
    """Return (steps, units): the rows of an image, the moments of a signal, single flat features."""
    channels, length, *columns = grid_dims(task)
    return length, channels * (columns[0] if columns else 1)


def flat_inputs(task: Task) -> int:
    """Return how many inputs a flattened example has, with tokens as one-hot rows."""
    return task.inputs * max(task.tokens, 1)
