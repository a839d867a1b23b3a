"""Finds architectures, datasets and presets by name, by importing their folders."""

import importlib
import math
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from engine.knob import Knob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from engine.net import Net


T = TypeVar("T")


class Forward(Protocol):
    """How an architecture is written: one function that every reader of a Net calls with its own T."""

    def __call__(self, net: "Net[T]", x: T) -> T:
        """Return the logits of x."""


@dataclass(frozen=True, kw_only=True)
class Arch:
    """A model family, written once over a Net."""

    title: str
    """E.g. "Multilayer perceptron"."""
    forward: "Forward"
    """(net, x) → logits; x is (batch, inputs) or whatever the reader of the Net passes through."""
    knobs: tuple[Knob, ...] = ()
    """Settings of this family alone."""


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


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named sweep with the claim that it reproduces."""

    title: str
    finding: str
    """What the curve shows, in a sentence or two, with figures."""
    source: str
    """Where the setting comes from."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Knob → value, or tuple of values to sweep over."""


@cache
def names(kind: str) -> tuple[str, ...]:
    """Return the names in a folder of the engine; `kind` is "archs", "datasets" or "presets"."""
    package = importlib.import_module(f"engine.{kind}")
    found = (m.name.replace("_", "-") for m in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(found))


def _get(kind: str, name: str) -> Any:
    if name not in names(kind):
        noun = {"archs": "arch", "datasets": "dataset", "presets": "preset"}[kind]
        raise ValueError(f"{noun}={name} is not known; allowed: one of {', '.join(names(kind))}.")
    module = importlib.import_module(f"engine.{kind}.{name.replace('-', '_')}")
    return getattr(module, kind[:-1].upper())


def arch(name: str) -> Arch:
    """Return the architecture `name`. Raises: ValueError: for an unknown name."""
    found: Arch = _get("archs", name)
    return found


def dataset(name: str) -> Dataset:
    """Return the dataset `name`. Raises: ValueError: for an unknown name."""
    found: Dataset = _get("datasets", name)
    return found


def preset(name: str) -> Preset:
    """Return the preset `name`. Raises: ValueError: for an unknown name."""
    found: Preset = _get("presets", name)
    return found


@cache
def options(arch_name: str, dataset_name: str) -> dict[str, Knob]:
    """Return the knobs that an architecture and a data set declare themselves, by name."""
    return {knob.name: knob for knob in arch(arch_name).knobs + dataset(dataset_name).knobs}
