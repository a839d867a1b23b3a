"""What a data set asks of a model, and how an example lies before a network: as steps of units, or a grid."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.spec.knob import Knob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Split:
    """One part of a dataset: x (n, inputs) float64, each row an example laid flat, and what is to be answered.

    y is class numbers (n,) where the loss is cross-entropy, class numbers (n, answers) where it is sequence, float64
    (n, outputs) otherwise: ±1 for hinge.
    """

    x: "np.ndarray"
    y: "np.ndarray"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a data set asks of a model."""

    shape: tuple[int, ...]
    """Of one example: (features,), (channels, length), (channels, height, width), or (length,) of tokens."""
    outputs: int
    """Classes, or numbers that are predicted; for sequence answers × classes, those of the first answer first."""
    max_size: int
    """Most training examples there are to take."""
    tokens: int = 0
    """Size of the vocabulary where an example is a row of token numbers; 0 where it is one of real numbers."""
    loss: Literal["cross-entropy", "mse", "hinge", "sequence"] = "cross-entropy"
    """What training minimises, as in net/losses.py."""
    answers: int = 1
    """Class numbers that each example asks for; more than 1 where the loss is sequence alone."""

    @property
    def inputs(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A source of examples with fixed splits; validation and test labels are always clean."""

    title: str
    task: "Callable[[Mapping[str, Any]], Task]"
    """What it asks under its own options, e.g. a modulus; called often, and without loading anything."""
    load: "Callable[[int, Mapping[str, Any]], tuple[Split, Split, Split]]"
    """(data_seed, options) → training pool of max_size, validation, test."""
    scaling: Literal["off", "each", "all"] = "off"
    """How inputs are standardised, by the training pool, unless a run says otherwise: see splits.scaled."""
    knobs: tuple[Knob, ...] = ()
    on_disk: "Callable[[], bool]" = lambda: True
    """Whether load reads what is here; otherwise it downloads, once."""
    version: str = ""
    """Of what load reads, where that differs between machines: part of every key."""


def grid_dims(task: Task) -> tuple[int, ...]:
    """Return (channels, *grid): flat features are a signal of one channel."""
    return task.shape if len(task.shape) > 1 else (1, *task.shape)


def step_dims(task: Task) -> tuple[int, int]:
    """Return (steps, units): the rows of an image, the moments of a signal, single flat features."""
    channels, length, *columns = grid_dims(task)
    return length, channels * (columns[0] if columns else 1)


def flat_inputs(task: Task) -> int:
    """Return the numbers of an example laid flat, with tokens as one-hot rows."""
    return task.inputs * max(task.tokens, 1)
