"""What a run is: data alone, checked when it is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from engine.base.language import _
from engine.spec import budget, registry
from engine.spec.count import count
from engine.spec.keys import digest, siblings
from engine.spec.knob import Value, applies, knobs_of
from engine.spec.settings import Settings
from engine.spec.task import Task
from engine.spec.validate import refuse_senseless

ENGINE_VERSION = 2
"""Part of every key: it rises when the same spec would give another result."""


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
            raise ValueError(
                _(
                    "dataset_size={size} is not possible; allowed: a whole number from 1 to {most} for {dataset}.",
                    size=self.dataset_size,
                    most=self.task.max_size,
                    dataset=self.dataset,
                )
            )
        self._check_folds()
        if self.budget:
            object.__setattr__(self, "steps", budget.steps(self.budget, count(self).flops_per_example * self.batch))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the spec of flat `values`; a setting that they do not name has its default."""
        own = knobs_of(RunSpec)
        rest = tuple((name, value) for name, value in values.items() if name not in own)
        return cls(**{n: v for n, v in values.items() if n in own}, options=rest)

    def flat(self) -> dict[str, Value]:
        """Return every setting by name in one flat dict, from which `of` makes the same spec."""
        own = {name: getattr(self, name) for name in knobs_of(RunSpec)}
        return own | dict(self.options)

    @cached_property
    def key(self) -> str:
        """32 hex digits: the first half of sha256 over canonical JSON of what differs from the defaults.

        So a knob that is added later does not change the keys of runs that are already trained. ENGINE_VERSION is
        part of the key, and rises when a default changes.
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
        """Examples in a step: the batch size, or all training examples where there are fewer."""
        return min(self.batch_size, self.train_size)

    @property
    def train_size(self) -> int:
        """Examples trained on: dataset_size without the fold that validates."""
        validating = len(range(self.fold, self.dataset_size, self.folds)) if self.folds else 0
        return self.dataset_size - validating

    def _check_folds(self) -> None:
        """Refuse a fold that does not exist; without folds, set its number to 0, since it means nothing."""
        if self.folds == 0:
            object.__setattr__(self, "fold", 0)
        elif not 2 <= self.folds <= self.dataset_size:
            raise ValueError(
                _(
                    "folds={folds} is not possible; allowed: 0 or a whole number from 2 to {most}.",
                    folds=self.folds,
                    most=min(100, self.dataset_size),
                )
            )
        elif self.fold >= self.folds:
            raise ValueError(
                _(
                    "fold={fold} is not possible; allowed: a whole number from 0 to {most}.",
                    fold=self.fold,
                    most=self.folds - 1,
                )
            )


def train_flops(spec: RunSpec) -> int:
    """Return the FLOPs of the whole training: flops_per_example × batch × steps."""
    return count(spec).flops_per_example * spec.batch * spec.steps


def refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], arch: str, dataset: str) -> None:
    """Refuse settings that no knob declares. Raises: ValueError: naming the first of them, and the known ones."""
    for name in given:
        if name not in known:
            raise ValueError(
                _(
                    "{name}={value} is not a setting of {arch} on {dataset}; allowed: {names}.",
                    name=name,
                    value=given[name],
                    arch=arch,
                    dataset=dataset,
                    names=", ".join(known),
                )
            )
