"""What a run and a sweep are: data only, checked when made."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from engine import budget, registry
from engine.keys import digest, siblings
from engine.knob import Knob, Value, applies, knobs_of
from engine.limits import refuse_senseless
from engine.settings import Settings

ENGINE_VERSION = 2
"""Part of every key: raise it when the same spec would give another result."""

MAX_RUNS = 10_000
"""Most runs of one sweep."""

SCORES = ("train_loss", "val_loss", "test_loss", "train_error", "val_error", "test_error")
"""Losses per example (cross-entropy in nats, of a sequence the mean over its answers), errors as shares of wrong
answers, or of the split's variance that is left unexplained where the loss is mse."""

ACCURACY = {"cross-entropy": "accuracy", "hinge": "accuracy", "mse": "r2", "sequence": "accuracy"}
"""What 1 − error is called, by the loss: a view, not stored."""

METRICS = (
    *SCORES,
    "clean_error",
    "flipped_error",
    "test_brier",
    "test_macro_recall",
    "test_macro_f1",
    "test_exact",
    "weight_norm",
    "gradient_norm",
)
"""Measured at every eval point, NaN where there is nothing to measure; see docs/conventions.md.

`test_exact` is measured of sequences; of one answer it is 1 − test_error: a view, not stored, as accuracy is."""


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    """Submitted, not begun."""
    RUNNING = "running"
    """In training now."""
    FINISHED = "finished"
    """Trained to its last step."""
    DIVERGED = "diverged"
    """The loss stopped being a finite number: a result like any other."""
    FAILED = "failed"
    """Raised an error; its text is kept."""

    @property
    def done(self) -> bool:
        """Whether there is a result that never changes."""
        return self in (RunState.FINISHED, RunState.DIVERGED)


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
        _refuse_unknown(given, declared_options, self.arch, self.dataset)
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
            object.__setattr__(self, "steps", budget.steps(self))

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
    def task(self) -> registry.Task:
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
        kept = {n: vs for n, vs in checked.items() if vs != (declared[n].default,)}
        sweep = cls(settings=tuple(sorted(kept.items())))
        for name, values in listed.items():
            if not values:
                raise ValueError(f"{name}= has no value; allowed: {declared[name].allowed}.")
        if sweep.size > MAX_RUNS:
            raise ValueError(f"The grid has {sweep.size:,} runs; allowed: at most {MAX_RUNS:,}. Take fewer values.")
        return sweep

    @property
    def size(self) -> int:
        """Runs in the grid, counted without making them."""
        return math.prod(len(values) for _, values in self.settings)

    def runs(self) -> tuple[RunSpec, ...]:
        """Return the runs, each once, the knobs named first varying slowest."""
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
        return digest(sorted(self.run_keys()))[:16]

    def run_keys(self) -> list[str]:
        """Return the keys of the runs, each once, in whatever order: some twenty times as fast as making the runs."""
        varied = {"seed": self.values("seed"), "data_seed": self.values("data_seed")}
        pairs = [(int(s), int(s if d == -1 else d)) for s, d in itertools.product(*varied.values())]
        seeds, data_seeds = zip(*pairs, strict=True)
        others = {name: values for name, values in self.settings if name not in varied}
        points = (dict(zip(others, point, strict=True)) for point in itertools.product(*others.values()))
        one = {"seed": seeds[0], "data_seed": data_seeds[0]}
        found = (RunSpec.of(point | one).sibling_keys(seeds, data_seeds) for point in points)
        return list(dict.fromkeys(itertools.chain.from_iterable(found)))


@dataclass(frozen=True, kw_only=True)
class EvalPoint:
    """What was measured of one run after one step."""

    key: str
    """Of the run."""
    step: int
    """Optimizer steps taken."""
    metrics: tuple[float, ...]
    """In the order of METRICS; not finite once a run has diverged."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """A run as far as it has come: what goes to the store."""

    spec: RunSpec
    state: RunState
    steps: tuple[int, ...] = ()
    """Steps of the eval points, rising."""
    metrics: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    """Per metric of METRICS, one value per eval point."""
    point_seconds: tuple[float, ...] = ()
    """Of `seconds`, those up to each eval point; empty where they were not taken."""
    params: int = 0
    """All trainable parameters."""
    params_non_embedding: int = 0
    train_flops: float = 0.0
    """Floating-point operations of all training steps, a multiply-add counted as 2."""
    seconds: float = 0.0
    """Wall time of its bucket, divided by the runs in it."""
    device: str = ""
    """E.g. "cpu" or the name of the GPU."""
    error: str = ""
    """Why it failed, in a sentence."""
    predictions: bytes = b""
    """What it answers to the test set at its end, as an .npz file; empty where nothing is kept."""
    weights: bytes = b""
    """Its parameters at its end, as an .npz file; empty where keep_weights is off."""


def knobs_for(settings: Mapping[str, Any]) -> dict[str, Knob]:
    """Return all knobs that hold under `settings` (values or lists of them), by name, in order of groups.

    Raises: ValueError: for a setting that no knob has.
    """
    own = knobs_of(RunSpec)
    archs, datasets = (_texts(settings.get(n, own[n].default), own[n]) for n in ("arch", "dataset"))
    found = dict(own)
    for arch, dataset in itertools.product(archs, datasets):
        found |= registry.options(arch, dataset)
    _refuse_unknown(settings, found, "/".join(archs), "/".join(datasets))
    return found


def parse_settings(texts: Mapping[str, str], onto: Mapping[str, Any] | None = None) -> SweepSpec:
    """Return the sweep of knob → text, as links and the command line write it, over the settings `onto`.

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


def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], arch: str, dataset: str) -> None:
    for name in given:
        if name not in known:
            raise ValueError(
                f"{name}={given[name]} is not a setting of {arch} on {dataset}; allowed: {', '.join(known)}."
            )
