"""What a run is: data only, checked when made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from engine.spec import budget, registry
from engine.spec.count import count
from engine.spec.keys import digest, siblings
from engine.spec.knob import Value, applies, knobs_of
from engine.spec.settings import Settings
from engine.spec.task import Task
from engine.spec.validate import refuse_senseless

ENGINE_VERSION = 2
"""Part of every key: raise it when the same spec would give another result."""


@dataclass(frozen=True, kw_only=True)
class RunSpec(Settings):
    """One model to train; equal specs have equal keys and equal results.

    Raises: ValueError: for a value out of range, naming knob, value and what is allowed.
    """

    options: tuple[tuple[str, Value], ...] = ()
    """Settings that the architecture and the data set declare themselves, sorted by name."""

    def __post_init__(self) -> None:
        for name, declared in knobs_of(RunSpec).items():
            value = declared.check(getattr(self, name))
            if not applies(declared, vars(self)):
                value = declared.default
            object.__setattr__(self, name, value)
        if self.data_seed == -1:
            object.__setattr__(self, "data_seed", self.seed)
        given, declared_options = dict(self.options), registry.options(self.arch, self.dataset)
        refuse_unknown(given, declared_options, self.arch, self.dataset)
        filled = {n: k.check(given.get(n, k.default)) for n, k in declared_options.items()}
        object.__setattr__(self, "options", tuple(sorted(filled.items())))
        refuse_senseless(self, self.task)
        if self.standardize == registry.dataset(self.dataset).scaling:  # one setting, one key
            object.__setattr__(self, "standardize", "default")
        if self.dataset_size == knobs_of(RunSpec)["dataset_size"].default:  # or all there are, where there are fewer
            object.__setattr__(self, "dataset_size", min(self.dataset_size, self.task.max_size))
        if self.dataset_size > self.task.max_size:
            allowed = f"a whole number from 1 to {self.task.max_size} for {self.dataset}"
            raise ValueError(f"dataset_size={self.dataset_size} is not possible; allowed: {allowed}.")
        self._check_folds()
        if self.budget:
            object.__setattr__(self, "steps", budget.steps(self.budget, count(self).flops_per_example * self.batch))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the spec of flat `values`; what is not named stays at its default."""
        own = knobs_of(RunSpec)
        rest = tuple((name, value) for name, value in values.items() if name not in own)
        return cls(**{n: v for n, v in values.items() if n in own}, options=rest)

    def flat(self) -> dict[str, Value]:
        """Return every setting by name in one flat dict; `of` makes the spec of it again."""
        own = {name: getattr(self, name) for name in knobs_of(RunSpec)}
        return own | dict(self.options)

    @cached_property
    def key(self) -> str:
        """32 hex digits: the first half of sha256 over canonical JSON of what differs from the defaults.

        So a knob that comes later leaves the keys of what has been trained as they are. ENGINE_VERSION is part of
        it, and rises where a default changes.
        """
        return digest(self._distinct())[:32]

    def sibling_keys(self, seeds: Sequence[int], data_seeds: Sequence[int]) -> list[str]:
        """Return the keys of this run under other seeds, pair by pair. Raises: ValueError: for one out of range."""
        for name, values in (("seed", seeds), ("data_seed", data_seeds)):
            for value in (min(values), max(values)):
                knobs_of(RunSpec)[name].check(value)
        found = siblings(self._distinct(), seeds, data_seeds)
        return [full[:32] for full in found]

    def _distinct(self) -> dict[str, Value]:
        declared = knobs_of(RunSpec) | registry.options(self.arch, self.dataset)
        changed = {name: value for name, value in self.flat().items() if value != declared[name].default}
        version = registry.dataset(self.dataset).version
        return changed | ({"data_version": version} if version else {}) | {"engine_version": ENGINE_VERSION}

    @cached_property
    def task(self) -> Task:
        """What the data set asks of a model under these options."""
        return registry.dataset(self.dataset).task(dict(self.options))

    @property
    def batch(self) -> int:
        """Examples in a step: the batch size, or all there are."""
        return min(self.batch_size, self.train_size)

    @property
    def train_size(self) -> int:
        """Examples trained on: dataset_size, but for the fold that validates."""
        validating = len(range(self.fold, self.dataset_size, self.folds)) if self.folds else 0
        return self.dataset_size - validating

    def _check_folds(self) -> None:
        """Refuse a fold that there is not; without folds its number means nothing."""
        if self.folds == 0:
            object.__setattr__(self, "fold", 0)
        elif not 2 <= self.folds <= self.dataset_size:
            allowed = f"0 or a whole number from 2 to {min(100, self.dataset_size)}"
            raise ValueError(f"folds={self.folds} is not possible; allowed: {allowed}.")
        elif self.fold >= self.folds:
            raise ValueError(f"fold={self.fold} is not possible; allowed: a whole number from 0 to {self.folds - 1}.")


def train_flops(spec: RunSpec) -> int:
    """Return the FLOPs of the whole training: flops_per_example × batch × steps."""
    return count(spec).flops_per_example * spec.batch * spec.steps


def refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], arch: str, dataset: str) -> None:
    """Refuse settings that no knob has. Raises: ValueError: naming the first of them, and those that are known."""
    for name in given:
        if name not in known:
            raise ValueError(
                f"{name}={given[name]} is not a setting of {arch} on {dataset}; allowed: {', '.join(known)}."
            )
