"""Augmentation: what is done to an example, how often, and that nothing else sees it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.data.load import load
from engine.data.rng import changes, noise, noise_bases
from engine.net.augment import Augment
from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.reader import Reader
from engine.net.reference import Reference
from engine.net.reference_augment import augmented
from engine.spec.result import METRICS
from engine.spec.run import RunSpec
from engine.train.loop import train

Seen = Callable[[RunSpec, torch.Tensor, int], torch.Tensor]


def _batched(run: RunSpec, x: torch.Tensor, step: int) -> torch.Tensor:
    return Augment((run,), x)(x[None], step, len(x))[0][0]


READ: dict[str, Seen] = {"reference": lambda run, x, step: augmented(run, x, step)[0], "batched": _batched}
reads = pytest.mark.parametrize("seen", READ.values(), ids=READ)


@reads
def test_a_shifted_image_is_the_same_somewhere_else_with_zeros_moved_in(seen: Seen) -> None:
    run = RunSpec(shift=2)
    images = torch.arange(1.0, 65.0).repeat(500, 1)
    image = np.pad(images[0].view(8, 8).numpy(), 2)
    places = {(d, r): image[2 - d : 10 - d, 2 - r : 10 - r].tobytes() for d in range(-2, 3) for r in range(-2, 3)}
    found = [moved.numpy().tobytes() for moved in seen(run, images, 1)]
    assert set(found) == set(places.values())
    assert min(found.count(place) for place in places.values()) >= 5  # of 20 expected


@reads
def test_a_shifted_signal_moves_along_its_length(seen: Seen) -> None:
    run = RunSpec(dataset="mnist1d", shift=3)
    signal = np.arange(1.0, 41.0)
    found = {tuple(moved.tolist()) for moved in seen(run, torch.tensor(signal).repeat(200, 1), 4)}
    assert found == {tuple(np.pad(signal, 3)[3 - right : 43 - right]) for right in range(-3, 4)}


@reads
def test_a_quarter_turn_is_one(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunSpec(rotate=90.0)
    image = torch.randn(64, dtype=torch.float64)
    for module in ("engine.net.augment", "engine.net.reference_augment"):
        monkeypatch.setattr(f"{module}.changes", _quarter_turn)
    turned = seen(run, image[None], 1)[0].view(8, 8)
    assert torch.allclose(turned, torch.rot90(image.view(8, 8), -1), rtol=0, atol=1e-12)


def _quarter_turn(*rest: object, **settings: object) -> object:
    drawn = changes(0, 1, 1, shift=0, rotate=0.0, mixup=0.0)
    drawn.angle[:] = np.pi / 2
    return drawn


def test_angles_are_spread_evenly_up_to_the_largest() -> None:
    angles = np.rad2deg(changes(0, 5, 20_000, shift=0, rotate=30.0, mixup=0.0).angle)
    assert np.abs(angles).max() <= 30
    assert angles.mean() == pytest.approx(0, abs=0.5)
    assert angles.std() == pytest.approx(30 / 3**0.5, rel=0.02)


def test_noise_is_normal_and_new_in_every_place_step_and_seed() -> None:
    first, other_step, other_seed = (noise(noise_bases(*at), 400, 50) for at in ((0, 1), (0, 2), (1, 1)))
    assert first.mean() == pytest.approx(0, abs=0.03)
    assert first.std() == pytest.approx(1, abs=0.02)
    assert np.mean(np.abs(first) < 1) == pytest.approx(0.6827, abs=0.015)
    assert np.abs(first).max() > 3.5
    for other in (other_step, other_seed, np.roll(first, 1, axis=0), np.roll(first, 1, axis=1)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.03


@reads
def test_noise_has_the_stated_spread(seen: Seen) -> None:
    still = torch.zeros(500, 64, dtype=torch.float64)
    assert seen(RunSpec(augment_noise=0.25), still, 3).std().item() == pytest.approx(0.25, rel=0.02)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_of_a_mixture_are_from_the_beta_distribution(alpha: float) -> None:
    drawn = changes(3, 7, 50_000, shift=0, rotate=0.0, mixup=alpha)
    assert drawn.share.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)
    assert np.bincount(drawn.partner[:1000] * 10 // 50_000, minlength=10).min() > 60


@pytest.mark.parametrize("dataset", ["digits", "diabetes"])
def test_a_mixture_of_inputs_has_a_mixture_of_targets(dataset: str) -> None:
    # A linear layer's gradient shows both: for its bias it is the mean of (answer − target).
    run = RunSpec(dataset=dataset, mixup=1.0, dataset_size=32, batch_size=32, optimizer="sgd", momentum=0.0, lr=1.0)
    data = load(run).train
    drawn = changes(run.seed, 1, 32, shift=0, rotate=0.0, mixup=1.0)
    share, other = drawn.share[:, None], drawn.partner
    x = share * data.x + (1 - share) * data.x[other]
    y = np.eye(10)[data.y] if dataset == "digits" else data.y
    target = share * y + (1 - share) * y[other]
    for reader in (Reference, Batched):
        model: Reader = reader((run,), DeviceData.of((run,), "cpu", torch.float64))
        before = {name: values.detach().clone() for name, values in model.parameters.items()}
        answer = model.logits(torch.tensor(x)[None])[0].T
        grad = (answer.softmax(dim=1) if dataset == "digits" else answer * 2) - torch.tensor(
            target if dataset == "digits" else target * 2
        )
        model.step(torch.arange(32)[None], 1)
        moved = before["out.bias"] - model.parameters["out.bias"].detach()
        assert torch.allclose(moved.flatten(), grad.mean(dim=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("reader", [Reference, Batched])
def test_what_is_measured_is_not_augmented(reader: type[Reader]) -> None:
    wild = {"shift": 3, "rotate": 90.0, "augment_noise": 2.0, "mixup": 1.0}
    losses = []
    for settings in ({}, wild):
        run = RunSpec.of({"dataset_size": 50, "batch_size": 50, "steps": 1, "lr": 1e-30, **settings})
        (_, last) = [p for points in train((run,), reader=reader) for p in points]
        losses.append(last.metrics[METRICS.index("train_loss")])
    assert losses[0] == losses[1]


def test_noise_makes_a_small_table_overfit_less() -> None:
    settings = {"dataset": "moons", "dataset_size": 100, "label_noise": 0.2, "width": 64, "lr": 0.02, "steps": 600}
    errors = []
    for spread in (0.0, 0.4):
        runs = tuple(RunSpec.of({**settings, "augment_noise": spread, "seed": seed}) for seed in range(4))
        last = [points for points in train(runs) if points][-1]
        errors.append(np.mean([p.metrics[METRICS.index("test_error")] for p in last]))
    assert errors[1] < errors[0] - 0.03
