"""What a sweep is: a grid of runs, made of settings or of their text."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from engine.base.language import _, _n
from engine.spec import registry
from engine.spec.keys import digest
from engine.spec.knob import Knob, Value, knobs_of
from engine.spec.run import RunSpec, refuse_unknown

MAX_RUNS = 10_000
"""Most runs of one sweep."""


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A grid of runs: each knob has one value or several; the runs are their product."""

    settings: tuple[tuple[str, tuple[Value, ...]], ...]
    """Every knob that differs from its default, with its values, sorted by name."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Return the sweep of knob → value or values. Raises: ValueError: for a bad or too large one."""
        listed = {n: tuple(v) if isinstance(v, tuple | list) else (v,) for n, v in settings.items()}
        declared = knobs_for(listed)
        checked = {n: tuple(dict.fromkeys(declared[n].check(v) for v in vs)) for n, vs in listed.items()}
        changed = {n: vs for n, vs in checked.items() if vs != (declared[n].default,)}
        sweep = cls(settings=tuple(sorted(changed.items())))
        for name, values in listed.items():
            if not values:
                raise ValueError(
                    _("{name}= has no value; allowed: {allowed}.", name=name, allowed=declared[name].allowed)
                )
        if sweep.size > MAX_RUNS:
            raise ValueError(
                _n(
                    "The grid has {n:,} run; allowed: at most {most:,}. Take fewer values.",
                    "The grid has {n:,} runs; allowed: at most {most:,}. Take fewer values.",
                    sweep.size,
                    most=MAX_RUNS,
                )
            )
        return sweep

    @property
    def size(self) -> int:
        """Number of runs in the grid, counted without making them."""
        return math.prod(len(values) for _, values in self.settings)

    def runs(self) -> tuple[RunSpec, ...]:
        """Return the runs, each once; the knob that is named first varies slowest."""
        names = [name for name, _ in self.settings]
        grid = itertools.product(*(values for _, values in self.settings))
        made = (RunSpec.of(dict(zip(names, point, strict=True))) for point in grid)
        return tuple({run.key: run for run in made}.values())

    def values(self, name: str) -> tuple[Value, ...]:
        """Return the values that knob `name` takes, its default where the sweep does not name it."""
        declared = knobs_for(dict(self.settings))[name]
        return dict(self.settings).get(name, (declared.default,))

    @cached_property
    def key(self) -> str:
        """16 hex digits of the runs' keys: the same runs are the same sweep, however they were written."""
        return digest(sorted(self.run_keys))[:16]

    @cached_property
    def run_keys(self) -> tuple[str, ...]:
        """The keys of the runs, each once, in any order: about twenty times as fast as making the runs."""
        varied = {"seed": self.values("seed"), "data_seed": self.values("data_seed")}
        pairs = [(int(s), int(s if d == -1 else d)) for s, d in itertools.product(*varied.values())]
        seeds, data_seeds = zip(*pairs, strict=True)
        others = {name: values for name, values in self.settings if name not in varied}
        points = (dict(zip(others, point, strict=True)) for point in itertools.product(*others.values()))
        one = {"seed": seeds[0], "data_seed": data_seeds[0]}
        found = (RunSpec.of(point | one).sibling_keys(seeds, data_seeds) for point in points)
        return tuple(dict.fromkeys(itertools.chain.from_iterable(found)))


def knobs_for(settings: Mapping[str, Any]) -> dict[str, Knob]:
    """Return all knobs that exist under `settings` (values or lists of them), by name, in the order of their groups.

    Raises: ValueError: for a setting that no knob declares.
    """
    own = knobs_of(RunSpec)
    archs, datasets = (_texts(settings.get(n, own[n].default), own[n]) for n in ("arch", "dataset"))
    found = dict(own)
    for arch, dataset in itertools.product(archs, datasets):
        found |= registry.options(arch, dataset)
    refuse_unknown(settings, found, "/".join(archs), "/".join(datasets))
    return found


def parse_settings(texts: Mapping[str, str], onto: Mapping[str, Any] | None = None) -> SweepSpec:
    """Return the sweep of knob → text, as links and the command line write it; `onto` gives the other settings.

    Raises: ValueError: one sentence naming the knob, its value and what is allowed.
    """
    settings = dict(onto or {})
    own = knobs_of(RunSpec)
    for name in ("arch", "dataset"):  # first: they decide which other knobs there are
        if name in texts:
            settings[name] = own[name].parse(texts[name])
    declared = knobs_for(dict(texts) | settings)
    return SweepSpec.of(settings | {name: declared[name].parse(text) for name, text in texts.items()})


def _texts(value: object, declared: Knob) -> list[str]:
    values = value if isinstance(value, tuple | list) else (value,)
    return [str(declared.check(v)) for v in values]
