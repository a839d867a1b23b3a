"""Finds architectures, datasets and presets by name, by importing their folders."""

import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from engine.base.language import _
from engine.spec.knob import Knob
from engine.spec.net import Arch
from engine.spec.task import Dataset


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named sweep with the claim that it reproduces."""

    title: str
    finding: str
    """What the curve shows, in a sentence or two, with figures."""
    source: str
    """Where the settings come from, e.g. a paper."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Knob → value, or a tuple of values to sweep over."""


@cache
def names(kind: str) -> tuple[str, ...]:
    """Return the names in a folder of the engine; `kind` is "archs", "datasets" or "presets"."""
    package = importlib.import_module(f"engine.{kind}")
    found = (m.name.replace("_", "-") for m in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(found))


def _get(kind: str, name: str) -> Any:
    if name not in names(kind):
        raise ValueError(
            _(
                "{kind}={name} is not known; allowed: one of {names}.",
                kind=kind.removesuffix("s"),
                name=name,
                names=", ".join(names(kind)),
            )
        )
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
