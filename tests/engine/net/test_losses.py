"""The losses against torch's own and autograd; the errors against their definitions; noise in real targets."""

import numpy as np
import pytest
import torch

from engine.data.load import load
from engine.data.rng import with_other_targets
from engine.net.batched import Batched
from engine.net.losses import LOSSES
from engine.net.reference import LOSS as TORCH_LOSS
from engine.spec.result import METRICS
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.loop import reader_of, train
from tests.engine.net.equality import ARCHS, BASE, OPTIMIZERS, assert_bitwise_alone, assert_equal_in_float64, mixed
from tests.pairs import pairs

DATASETS = {
    "cross-entropy": {"dataset": "parity", "loss": "cross-entropy"},
    "mse": {"dataset": "teacher-student"},
    "hinge": {"dataset": "parity"},
    "sequence": {"dataset": "addition", "answer": "sum"},
}
SHORT = {"cross-entropy": {"bits": 10}, "mse": {"dimension": 4}, "hinge": {"bits": 10}, "sequence": {"digits": 1}}
"""What makes their examples short, and recurrent models quick."""


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_grad_are_torchs(name: str) -> None:
    random = torch.Generator().manual_seed(0)
    outputs = torch.randn(4, 6, 50, dtype=torch.float64, generator=random, requires_grad=True)
    y = torch.randn(4, 50, 6, dtype=torch.float64, generator=random)
    if name == "cross-entropy":
        y = torch.randint(0, 6, (4, 50), generator=random)
    elif name == "sequence":  # two answers of three classes
        y = torch.randint(0, 3, (4, 50, 2), generator=random)
    elif name == "hinge":
        y = y.sign()
    for model in range(4):
        theirs = TORCH_LOSS[name](outputs[model].T, y[model])
        assert LOSSES[name].each(outputs, y)[model].mean().item() == pytest.approx(theirs.item(), abs=1e-14)
        (gradient,) = torch.autograd.grad(theirs, outputs)
        grad = LOSSES[name].grad(outputs.detach(), y)[model] / 50
        assert torch.allclose(gradient[model], grad, rtol=0, atol=1e-15)


@pytest.mark.parametrize(("arch", "name", "optimizer"), pairs(ARCHS, tuple(LOSSES), OPTIMIZERS))
def test_readers_equal_the_reference_in_float64_on_every_loss(arch: str, name: str, optimizer: str) -> None:
    # Few steps: test_equality takes 200 of every architecture, and the losses are the same here. Short examples.
    own = {"arch": arch, "optimizer": optimizer, "width": 12, "lr": (0.002, 0.005), "label_noise": 0.2}
    runs = mixed({**BASE, **own, "steps": 6, **DATASETS[name], **SHORT.get(name, {})}, 2)
    assert runs[0].task.loss == name
    assert_equal_in_float64(runs, compared=1)


@pytest.mark.parametrize("name", LOSSES)
def test_a_run_does_not_depend_on_its_bucket_mates_on_any_loss(name: str) -> None:
    base = {"width": 5, "dataset_size": 333, "batch_size": 33, "steps": 40, "lr": (0.005, 0.002), **DATASETS[name]}
    runs = SweepSpec.of({**base, "seed": tuple(range(5))}).runs()
    assert_bitwise_alone(runs, reader_of(runs[0], "cpu"), (slice(1), slice(3, 5), slice(-1, None)))


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_error_are_what_their_names_say(name: str) -> None:
    run = RunSpec.of({"width": 6, "dataset_size": 77, "steps": 5, "label_noise": 0.3, **DATASETS[name]})
    data = load(run)

    class Kept(Batched):
        """Leaves itself behind, to be asked for its outputs."""

        def __init__(self, *rest: object) -> None:
            super().__init__(*rest)  # type: ignore[arg-type]
            models.append(self)

    models: list[Kept] = []
    last = [p for points in train((run,), dtype=torch.float64, reader=Kept) for p in points][-1]
    for split in ("train", "val", "test"):
        x, y = getattr(data, split).x, getattr(data, split).y
        outputs = models[0].logits(torch.tensor(x)[None])[0].T.numpy()
        if name == "mse":
            loss = ((outputs - y) ** 2).mean()
            error = loss / y.var()
        elif name == "hinge":
            loss = np.maximum(0, 1 - y * outputs).mean()
            error = (np.sign(outputs) != y).mean()
        elif name == "sequence":
            digits = outputs.reshape(len(y), -1, 10)
            loss = (np.log(np.exp(digits).sum(axis=2)) - np.take_along_axis(digits, y[..., None], 2)[..., 0]).mean()
            error = (digits.argmax(axis=2) != y).mean()
        else:
            loss = (np.log(np.exp(outputs).sum(axis=1)) - outputs[np.arange(len(y)), y]).mean()
            error = (outputs.argmax(axis=1) != y).mean()
        assert last.metrics[METRICS.index(f"{split}_loss")] == pytest.approx(loss, rel=1e-12)
        assert last.metrics[METRICS.index(f"{split}_error")] == pytest.approx(error, rel=1e-12)


def _last(metric: str, **settings: object) -> float:
    run = RunSpec.of(settings)
    return [p for points in train((run,)) for p in points][-1].metrics[METRICS.index(metric)]


def test_a_student_learns_its_teacher_and_more_units_learn_it_better() -> None:
    base = {"dataset": "teacher-student", "dimension": 2, "dataset_size": 5000, "depth": 2, "steps": 1500}
    small, large = (_last("test_error", **base, width=width) for width in (2, 32))
    assert large < 0.01
    assert large < small / 4


def test_diabetes_is_partly_explained() -> None:
    assert 0.3 < _last("test_error", dataset="diabetes", width=8, steps=200) < 0.8


def test_a_sparse_parity_is_solved_by_the_hinge_loss() -> None:
    settings = {"dataset": "parity", "bits": 20, "relevant_bits": 2, "dataset_size": 16000, "width": 32}
    assert _last("test_error", **settings, steps=1000) < 0.02


def test_noise_gives_an_example_the_target_of_one_that_differs() -> None:
    targets = np.array([1, 1, 1, 2, 2, 3, 4, 4, 4, 4], dtype=np.float64)[:, None]
    found = np.array([with_other_targets(targets, 1.0, seed)[:, 0] for seed in range(4000)])
    assert not (found == targets[:, 0]).any()
    drawn = [np.mean(found[:, 0] == value) for value in (2, 3, 4)]
    assert np.allclose(drawn, [2 / 7, 1 / 7, 4 / 7], atol=0.04)  # every other example is as likely
    assert np.array_equal(with_other_targets(targets[:1], 1.0, 0), targets[:1])  # there is no other
