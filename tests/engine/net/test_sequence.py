"""Several answers to one example: batched against the reference, exact matches, noise, predictions, learning."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.data.load import load
from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.kernel.program import tape
from engine.spec.result import METRICS, EvalPoint
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.evaluate import measure
from engine.train.loop import train
from tests.engine.net.equality import assert_equal_in_float64
from tests.engine.queue.watched import Watched

SUM = {"dataset": "addition", "answer": "sum"}


def _end(**settings: object) -> tuple[EvalPoint, Watched]:
    training = Watched(train((RunSpec.of({**SUM, **settings}),)))
    return [point for points in training for point in points][-1], training


def _metric(point: EvalPoint, name: str) -> float:
    return point.metrics[METRICS.index(name)]


@pytest.mark.parametrize(("arch", "optimizer"), [("mlp", "sgd"), ("gru", "adamw"), ("transformer", "adamw")])
def test_batched_equals_reference_in_float64(arch: str, optimizer: str) -> None:
    base = {**SUM, "arch": arch, "optimizer": optimizer, "width": 8, "dataset_size": 150, "batch_size": 20}
    runs = SweepSpec.of({**base, "steps": 12, "lr": (0.002, 0.001), "label_noise": 0.2, "weight_decay": 0.1}).runs()
    assert_equal_in_float64(runs, Batched)


class _Answering(Batched):
    """Gives the answers it is told, whatever it is asked."""

    told: Tensor

    def logits(self, x: Tensor) -> Tensor:
        """Return one-hot rows of what is told, in order from the first."""
        rows = torch.arange(x.shape[1]) % len(self.told)
        return torch.nn.functional.one_hot(self.told[rows], 10).flatten(1).T[None].to(x)


@pytest.mark.parametrize(
    ("wrong", "exact", "error"), [([], 1, 0), ([(0, 1)], 0.75, 1 / 12), ([(0, 0), (0, 2), (3, 1)], 0.5, 0.25)]
)
def test_an_exact_match_has_every_answer_right(wrong: list[tuple[int, int]], exact: float, error: float) -> None:
    run = RunSpec.of({**SUM, "digits": 2, "dataset_size": 50})
    data = DeviceData.of((run,), "cpu", torch.float64)
    data = replace(data, test=data.test.first(4))
    model = _Answering((run,), data)
    model.told = data.test.y[0, :4].clone()
    for row, answer in wrong:
        model.told[row, answer] = (model.told[row, answer] + 1) % 10
    (point,) = measure((run,), model, data, 1)
    assert _metric(point, "test_exact") == exact
    assert _metric(point, "test_error") == pytest.approx(error, abs=1e-12)


def test_noise_gives_exactly_that_share_of_examples_the_whole_answer_of_another() -> None:
    clean = load(RunSpec.of({**SUM, "dataset_size": 500})).train.y
    noisy = load(RunSpec.of({**SUM, "dataset_size": 500, "label_noise": 0.3}))
    assert ((noisy.train.y != clean).any(axis=1) == noisy.flipped).all()
    assert noisy.flipped.sum() == 150
    assert {tuple(row) for row in noisy.train.y} <= {tuple(row) for row in clean}


@pytest.mark.parametrize("arch", ["mlp", pytest.param("transformer", marks=pytest.mark.long)])
def test_whole_sums_are_learned(arch: str) -> None:
    point, _ = _end(arch=arch, digits=1, answer="sum", dataset_size=80, width=32, steps=500, lr=0.01)
    assert _metric(point, "train_error") < 0.02
    point, _ = _end(arch=arch, digits=2, dataset_size=8000, width=64, steps=600, lr=0.005)
    assert _metric(point, "test_error") < 0.5  # 0.77 by chance
    assert _metric(point, "test_exact") > 0.05  # 0.005 by chance
    assert _metric(point, "test_exact") <= 1 - _metric(point, "test_error")


def test_predictions_hold_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    point, training = _end(digits=2, dataset_size=300, width=8, steps=100)
    y = load(RunSpec.of({**SUM, "digits": 2, "dataset_size": 300})).test.y
    (kept,) = training.trained.predictions()
    assert {name: (str(array.dtype), array.shape) for name, array in kept.items()} == {
        "outputs": ("float16", (1000, 3, 10)),
        "answers": ("int16", (1000, 3)),
    }
    assert (kept["answers"] == y).all(axis=1).mean() == _metric(point, "test_exact")
    assert (kept["answers"] != y).mean() == pytest.approx(_metric(point, "test_error"), abs=1e-7)
    np.testing.assert_allclose(kept["outputs"].astype(float).sum(axis=2), 1, atol=5e-3)
    monkeypatch.setattr("engine.train.artifacts.MOST_NUMBERS", 29_999)
    (short,) = training.trained.predictions()
    np.testing.assert_array_equal(short["outputs"][..., 0], kept["outputs"].max(axis=2))


def test_the_kernel_leaves_sequences_to_the_batched_reader() -> None:
    for arch in ("mlp", "gru", "transformer"):
        assert tape(RunSpec.of({**SUM, "arch": arch}), True) is None
