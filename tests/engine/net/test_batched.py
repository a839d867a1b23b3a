"""The batched reader against the reference, and a run against itself among other bucket-mates."""

import itertools

import pytest
import torch

from engine.net.batched import Batched
from engine.net.batched_net import BatchedNet
from engine.net.reader import Reader
from engine.net.reference import Reference
from engine.spec import registry
from engine.spec.knob import knobs_of
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.loop import train
from tests.engine.shapes import SHAPES
from tests.pairs import pairs

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
        "warmup": (0, 30),
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
        "warmup": 20,
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
    "signal": {"shift": (3, 0), "augment_noise": 0.1, "mixup": 0.3},
    "image": {"shift": (4, 1), "rotate": (180.0, 0.0), "augment_noise": 0.1, "mixup": 0.3},
    "tokens": {},
}
"""What examples of the shapes in shapes.py can have."""


def _points(
    runs: tuple[RunSpec, ...], reader: type[Reader], dtype: torch.dtype
) -> dict[tuple[str, int], tuple[float, ...]]:
    points = itertools.chain.from_iterable(train(runs, reader=reader, dtype=dtype))
    return {(point.key, point.step): point.metrics for point in points}


def _mixed(values: dict[str, object], number: int) -> tuple[RunSpec, ...]:
    """Return runs that take the values of every list in turn: no two alike, far fewer than the product."""
    lists = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
    return tuple(
        RunSpec.of({name: value[i % len(value)] for name, value in lists.items()} | {"seed": i}) for i in range(number)
    )


def _assert_equal_in_float64(runs: tuple[RunSpec, ...], compared: int | None = None) -> None:
    """Hold a bucket against the reference; `compared`: its last runs alone, as many as that."""
    batched = _points(runs, Batched, torch.float64)
    for run in runs[-(compared or len(runs)) :]:
        for place, metrics in _points((run,), Reference, torch.float64).items():
            assert metrics == pytest.approx(batched[place], rel=0, abs=1e-9, nan_ok=True)


BASE: dict[str, object] = {"depth": 2, "dataset_size": 40, "steps": 40, "batch_size": 24, "label_noise": 0.2}
BASE["eval_examples"] = 40  # in between; the last step is measured on all
LONG: dict[str, object] = {"dataset_size": 200, "steps": 200}


@pytest.mark.parametrize(("arch", "optimizer", "regularizer"), pairs(ARCHS, OPTIMIZERS, tuple(REGULARIZERS)))
def test_batched_equals_reference_in_float64(arch: str, optimizer: str, regularizer: str) -> None:
    _assert_equal_in_float64(_regularized(arch, optimizer, regularizer, 3, {}))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_does_so_after_200_steps_too(arch: str, optimizer: str) -> None:
    _assert_equal_in_float64(_regularized(arch, optimizer, "all", 2, LONG), compared=1)


def _regularized(
    arch: str, optimizer: str, regularizer: str, number: int, length: dict[str, object]
) -> tuple[RunSpec, ...]:
    # Two steps an example make recurrent models quick; all eight are seen with every regularizer at once.
    dataset = "digits" if arch in ("mlp", "cnn") or regularizer in ON_IMAGES else "moons"
    rates = (0.0004, 0.001, 0.0006) if arch == "transformer" else (0.002, 0.005, 0.003)  # what its users take
    depth = 2 if arch in ("mlp", "cnn") or (regularizer == "all" and not length) else 1
    own = {"arch": arch, "dataset": dataset, "optimizer": optimizer, "width": 6, "depth": depth, "lr": rates}
    return _mixed({**BASE, **length, **own, **REGULARIZERS[regularizer]}, number)


@pytest.mark.parametrize(("arch", "variant"), VARIANTS, ids=str)
def test_every_choice_of_an_architecture_equals_the_reference_too(arch: str, variant: dict[str, object]) -> None:
    own = {"arch": arch, "width": 6, "lr": (0.002, 0.005), "dropout": (0.0, 0.2), **variant}
    _assert_equal_in_float64(_mixed({**BASE, **own}, 2))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_examples_of_any_shape_are_read_alike(arch: str, shape: str, datasets_of_any_shape: None) -> None:
    own = {"arch": arch, "dataset": shape, "width": 6, "dropout": (0.0, 0.2), "steps": 20}
    _assert_equal_in_float64(_mixed({**BASE, **own}, 2))
    _assert_equal_in_float64(_mixed({**BASE, **own, **AUGMENTATION[shape]}, 2))


def test_targets_of_every_loss_are_mixed_alike() -> None:
    for own in ({"dataset": "diabetes"}, {"dataset": "parity"}, {"dataset": "wine", "label_smoothing": (0.1, 0.2)}):
        _assert_equal_in_float64(_mixed({**BASE, **own, "dataset_size": 90, "mixup": (0.4, 0.0, 2.0)}, 3))


@pytest.mark.parametrize("arch", ARCHS)
def test_depth_0_is_a_linear_model_of_what_an_architecture_reads(arch: str) -> None:
    _assert_equal_in_float64(_mixed({**BASE, "arch": arch, "width": 6, "depth": 0}, 2))


def _assert_bitwise_alone(runs: tuple[RunSpec, ...], parts: tuple[slice, ...]) -> None:
    together = _points(runs, Batched, torch.float32)
    for part in parts:
        for place, metrics in _points(runs[part], Batched, torch.float32).items():
            assert repr(metrics) == repr(together[place])  # bitwise, and NaN where there is NaN


@pytest.mark.parametrize(
    ("arch", "optimizer", "batch"), pairs(ARCHS, OPTIMIZERS, (("relu", 256), ("tanh", 7), ("gelu", 100), ("relu", 33)))
)
def test_a_run_does_not_depend_on_its_bucket_mates(arch: str, optimizer: str, batch: tuple[str, int]) -> None:
    activation, batch_size = batch
    quick = arch == "mlp"
    own: dict[str, object] = {"arch": arch, "optimizer": optimizer, "batch_size": batch_size, "width": 5}
    if "activation" in registry.options(arch, "digits"):
        own["activation"] = activation
    own["label_noise"] = 0.1
    varied = {"dataset_size": 333, "steps": 40 if quick else 12, "lr": (0.005, 0.002), "dropout": (0.0, 0.1)}
    seeds = tuple(range(5 if quick else 3))
    levers = {"l2": 1e-3, "clip": (0.0, 0.5), "label_smoothing": 0.1, "schedule": ("constant", "cosine"), "warmup": 7}
    levers |= {"shift": 2, "rotate": 20.0, "augment_noise": 0.2, "mixup": 0.3, "width_rule": "mup"}
    plain = SweepSpec.of({**own, **varied, "seed": seeds}).runs()
    levered = SweepSpec.of({**own, **levers, **varied, "seed": seeds}).runs()
    runs = tuple(itertools.chain.from_iterable(zip(plain, levered[::4], strict=True)))
    parts = (slice(1), slice(3, 5), slice(-1, None), slice(4, 13)) if quick else (slice(1), slice(4, 9))
    _assert_bitwise_alone(runs, parts)


@pytest.mark.parametrize(("arch", "variant"), VARIANTS, ids=str)
@pytest.mark.parametrize("width", [1, 16])
def test_no_choice_of_an_architecture_makes_it_depend(arch: str, variant: dict[str, object], width: int) -> None:
    own = {"arch": arch, "batch_size": 33, "width": width, "depth": 2, "dataset_size": 100, "steps": 10, **variant}
    runs = SweepSpec.of({**own, "seed": tuple(range(5))}).runs()
    _assert_bitwise_alone(runs, (slice(1), slice(3, 5)))


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("batch_size", [7, 100, 256])
def test_nor_does_a_run_of_a_single_unit(batch_size: int, depth: int) -> None:
    base = {"width": 1, "depth": depth, "batch_size": batch_size, "dataset_size": 300, "steps": 12}
    runs = SweepSpec.of({**base, "seed": tuple(range(5))}).runs()
    together = _points(runs, Batched, torch.float32)
    for part in (runs[:1], runs[4:]):
        for place, metrics in _points(part, Batched, torch.float32).items():
            assert repr(metrics) == repr(together[place])


@pytest.mark.parametrize("arch", ARCHS)
def test_float32_is_as_close_to_float64_as_the_reference_is(arch: str) -> None:
    steps = 200 if arch == "mlp" else 60
    runs = SweepSpec.of({"arch": arch, "width": 16, "dataset_size": 300, "steps": steps, "seed": (0, 1, 2)}).runs()
    exact = _points(runs, Batched, torch.float64)
    batched = _points(runs, Batched, torch.float32)
    reference = {p: m for run in runs for p, m in _points((run,), Reference, torch.float32).items()}

    def distance(points: dict[tuple[str, int], tuple[float, ...]]) -> float:
        return max(abs(a - b) for place in points for a, b in zip(points[place][:3], exact[place][:3], strict=True))

    assert distance(batched) < max(2 * distance(reference), 1e-5)


def test_a_batch_norm_of_a_single_number_is_refused_in_a_sentence() -> None:
    net = BatchedNet((RunSpec(arch="cnn"),), {}, 2, {}, real=1)
    with pytest.raises(ValueError, match="allowed: a batch_size of 2 or more"):
        net.batch_norm("norm", torch.ones(1, 3, 1, 32))  # one place, one example, the rest filling
