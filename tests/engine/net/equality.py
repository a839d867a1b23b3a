"""Ways to hold one reader against another, and a run against itself in other company, over settings of every kind."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
import torch

from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.kernel.kernel import Kernel
from engine.net.reader import Reader
from engine.net.reference import Reference
from engine.spec import registry
from engine.spec.knob import knobs_of
from engine.spec.run import RunSpec
from engine.train.loop import train

Points = dict[tuple[str, int], tuple[float, ...]]
"""The metrics of a run at a step, by its key and the step."""
FEW = 50
"""Examples of validation and test that a short comparison measures."""
BASE: dict[str, object] = {"depth": 2, "dataset_size": 40, "steps": 12, "batch_size": 24, "eval_examples": 40}
LONG: dict[str, object] = {"dataset_size": 200, "steps": 200}
ARCHS = registry.names("archs")
OPTIMIZERS = knobs_of(RunSpec)["optimizer"].choices()
VARIANTS = [
    (arch, {knob.name: value})
    for arch in ARCHS
    for knob in registry.arch(arch).knobs
    for value in (knob.choices() or (1, 2))
    if value != knob.default
]
"""Every other choice of an architecture's own knobs, one at a time."""
# The L1 is small and the rates low because strong L1 under Adam is chaotic: units that only L1 still moves jump
# about zero, and changing one weight by its last bit then moves the reference itself by 5e-7 within 200 steps.
REGULARIZERS: dict[str, dict[str, object]] = {
    "none": {},
    "weight decay": {
        "weight_decay": (0.0, 0.1, 1.0),
        "beta1": (0.5, 0.9),
        "beta2": (0.98, 0.999),
        "momentum": (0.0, 0.9),
    },
    "L1 and L2": {"l1": (0.0, 1e-4), "l2": (1e-2, 0.0)},
    "dropout": {"dropout": (0.0, 0.3), "label_smoothing": (0.1, 0.0)},
    "schedules": {
        "schedule": ("constant", "cosine", "inverse-sqrt"),
        "warmup": (0, 5),
        "weight_decay": 0.1,
        "clip": (0.3, 0.0),
    },
    "initial weights": {"init": ("he", "xavier", "normal"), "folds": 5, "fold": (0, 3)},
    "shift and rotation": {"shift": (0, 1, 3), "rotate": (15.0, 90.0, 0.0)},
    "noise and mixup": {"augment_noise": (0.0, 0.3), "mixup": (0.0, 0.2, 1.0)},
    "width rule": {"width_rule": ("standard", "mup", "mup"), "base_width": (2, 2, 9), "weight_decay": 0.1},
    "all": {
        "weight_decay": (0.0, 0.1),
        "l1": 1e-4,
        "dropout": (0.0, 0.3),
        "l2": 1e-3,
        "label_smoothing": 0.1,
        "clip": 0.5,
        "schedule": "cosine",
        "warmup": 4,
        "shift": 1,
        "rotate": 10.0,
        "augment_noise": 0.1,
        "mixup": (0.3, 0.0),
        "width_rule": ("mup", "standard"),
        "base_width": 3,
    },
}
ON_IMAGES = ("shift and rotation", "all")
"""Of these, what only images can have, or what they are to be tried with."""


AUGMENTATION: dict[str, dict[str, object]] = {
    "features": {"augment_noise": (0.3, 0.0), "mixup": (0.0, 0.3)},
    "signal": {"shift": (3, 0), "augment_noise": (0.1, 0.0), "mixup": (0.3, 0.0)},
    "image": {"shift": (4, 0), "rotate": (180.0, 0.0), "augment_noise": (0.1, 0.0), "mixup": (0.3, 0.0)},
    "tokens": {},
}
"""What examples of the shapes in shapes.py can have, one of two runs with less of it."""


def readers(runs: tuple[RunSpec, ...]) -> tuple[type[Reader], ...]:
    """Return every fast reader that follows a bucket."""
    return (Batched, Kernel) if all(Kernel.supports(run, torch.float64) for run in runs) else (Batched,)


def points(runs: tuple[RunSpec, ...], reader: type[Reader], dtype: torch.dtype, *, whole: bool = False) -> Points:
    """Train `runs` together; return the metrics before and after the first step and after the last.

    A difference in between would last to the end. `whole`: of all of validation and test.
    """
    of = DeviceData.of

    def few(*given: Any) -> DeviceData:
        found = of(*given)
        return replace(found, val=found.val.first(FEW), test=found.test.first(FEW))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.train.loop.eval_steps", lambda steps: (0, *sorted({1, steps})))
        if not whole:
            patch.setattr(DeviceData, "of", few)
        found = itertools.chain.from_iterable(train(runs, reader=reader, dtype=dtype))
        return {(point.key, point.step): point.metrics for point in found}


def mixed(values: dict[str, object], number: int) -> tuple[RunSpec, ...]:
    """Return runs that take the values of every list in turn: no two alike, far fewer than the product."""
    lists = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
    return tuple(
        RunSpec.of({name: value[i % len(value)] for name, value in lists.items()} | {"seed": i}) for i in range(number)
    )


def assert_equal_in_float64(
    runs: tuple[RunSpec, ...], *given: type[Reader], compared: int | None = None, whole: bool = False
) -> None:
    """Hold a bucket against the reference, as the `given` readers or all train it.

    `compared`: its last runs alone, as many as that.
    """
    together = {reader: points(runs, reader, torch.float64, whole=whole) for reader in given or readers(runs)}
    for run in runs[-(compared or len(runs)) :]:
        for place, metrics in points((run,), Reference, torch.float64, whole=whole).items():
            for reader, found in together.items():
                assert found[place] == pytest.approx(metrics, rel=0, abs=1e-9, nan_ok=True), reader.__name__


def assert_bitwise_alone(runs: tuple[RunSpec, ...], reader: type[Reader], parts: Iterable[slice]) -> None:
    """Hold the runs of a bucket against themselves in parts of it."""
    together = points(runs, reader, torch.float32)
    for part in parts:
        for place, metrics in points(runs[part], reader, torch.float32).items():
            assert repr(metrics) == repr(together[place])  # bitwise, and NaN where there is NaN


def assert_as_close_as_the_reference(runs: tuple[RunSpec, ...], reader: type[Reader]) -> None:
    """Hold float32 against float64: the reader may be twice as far off as the reference is."""
    exact = points(runs, reader, torch.float64)

    def distance(found: Points) -> float:
        return max(abs(a - b) for place in found for a, b in zip(found[place][:3], exact[place][:3], strict=True))

    reference = {p: m for run in runs for p, m in points((run,), Reference, torch.float32).items()}
    assert distance(points(runs, reader, torch.float32)) < max(2 * distance(reference), 1e-5)
