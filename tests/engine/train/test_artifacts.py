"""What a trained bucket leaves behind: its answers to the test set, alike whoever trained beside it."""

import numpy as np
import pytest

from engine.data.load import load
from engine.net.batched import Batched
from engine.net.reader import Reader
from engine.spec import registry
from engine.spec.count import count
from engine.spec.result import METRICS, EvalPoint
from engine.spec.run import RunSpec
from engine.train import artifacts
from engine.train.artifacts import Trained
from engine.train.loop import reader_of, train
from tests.engine.queue.watched import Watched

RUNS = tuple(RunSpec(width=8, steps=40, seed=seed, label_noise=0.1 * seed) for seed in range(3))


def _end(runs: tuple[RunSpec, ...], reader: type[Reader] | None = None) -> tuple[list[EvalPoint], Trained]:
    training = Watched(train(runs, reader=reader))
    points = [point for points in training for point in points]
    return points, training.trained


@pytest.fixture(params=["fastest", "batched"])
def reader(request: pytest.FixtureRequest) -> type[Reader]:
    return Batched if request.param == "batched" else reader_of(RUNS[0], "cpu")


def test_errors_and_brier_scores_follow_from_the_predictions(reader: type[Reader]) -> None:
    points, trained = _end(RUNS, reader)
    for run, point, kept in zip(RUNS, points[-3:], trained.predictions(), strict=True):
        found, labels = dict(zip(METRICS, point.metrics, strict=True)), load(run).test.y
        assert {name: (str(array.dtype), array.shape) for name, array in kept.items()} == {
            "outputs": ("float16", (597, 10)),
            "answers": ("int16", (597,)),
        }
        assert np.mean(kept["answers"] != labels) == pytest.approx(found["test_error"], abs=1e-12)
        squares = (kept["outputs"].astype(float) - np.eye(10)[labels]) ** 2
        assert squares.sum(axis=1).mean() == pytest.approx(found["test_brier"], abs=5e-4)


def test_a_runs_predictions_do_not_depend_on_its_bucket_mates(reader: type[Reader]) -> None:
    _, together = _end(RUNS, reader)
    for run, kept in zip(RUNS, together.predictions(), strict=True):
        (alone,) = _end((run,), reader)[1].predictions()
        assert artifacts.packed(alone) == artifacts.packed(kept)


def test_weights_make_the_model_again(reader: type[Reader]) -> None:
    _, trained = _end(RUNS, reader)
    for run, weights, kept in zip(RUNS, trained.weights(), trained.predictions(), strict=True):
        assert {name: (str(array.dtype), array.shape) for name, array in weights.items()} == {
            "hidden0.weight": ("float32", (8, 64)),
            "hidden0.bias": ("float32", (8,)),
            "out.weight": ("float32", (10, 8)),
            "out.bias": ("float32", (10,)),
        }
        hidden = np.maximum(load(run).test.x @ weights["hidden0.weight"].T + weights["hidden0.bias"], 0)
        logits = hidden @ weights["out.weight"].T + weights["out.bias"]
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(kept["outputs"], shares, atol=3e-4)


def test_the_statistics_of_batch_norms_stand_among_the_weights() -> None:
    run = RunSpec(arch="cnn", width=3, depth=2, steps=2, options=(("batch_norm", "on"),))
    _, trained = _end((run, RunSpec.of({**run.flat(), "seed": 1})))
    for weights in trained.weights():
        statistics = {name for name in weights if name.endswith((".mean", ".variance"))}
        assert len(statistics) == 4
        assert {weights[name].shape for name in statistics} == {(3,)}
        assert sum(weights[name].size for name in set(weights) - statistics) == count(run).params


@pytest.mark.parametrize("arch", registry.names("archs"))
def test_every_architecture_leaves_predictions_that_fit_its_error(arch: str) -> None:
    run = RunSpec(arch=arch, width=4, steps=3, dataset_size=100)
    points, trained = _end((run,))
    (kept,) = trained.predictions()
    error = dict(zip(METRICS, points[-1].metrics, strict=True))["test_error"]
    assert np.mean(kept["answers"] != load(run).test.y) == pytest.approx(error, abs=1e-12)
    np.testing.assert_allclose(kept["outputs"].astype(float).sum(axis=1), 1, atol=5e-3)


def test_a_runs_weights_do_not_depend_on_its_bucket_mates(reader: type[Reader]) -> None:
    _, together = _end(RUNS, reader)
    for run, weights in zip(RUNS, together.weights(), strict=True):
        (alone,) = _end((run,), reader)[1].weights()
        assert artifacts.packed(alone) == artifacts.packed(weights)


def test_of_very_many_probabilities_that_of_the_answer_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _, trained = _end(RUNS[:1])
    (whole,) = trained.predictions()
    monkeypatch.setattr(artifacts, "MOST_NUMBERS", 5969)
    (short,) = trained.predictions()
    assert short["outputs"].shape == (597, 1)
    np.testing.assert_array_equal(short["answers"], whole["answers"])
    np.testing.assert_array_equal(short["outputs"][:, 0], whole["outputs"].max(axis=1))


def test_a_regression_leaves_its_outputs() -> None:
    run = RunSpec(dataset="diabetes", dataset_size=300, width=8, steps=40)
    points, trained = _end((run,))
    (kept,) = trained.predictions()
    assert set(kept) == {"outputs"}
    squares = (kept["outputs"].astype(float) - load(run).test.y) ** 2
    assert squares.mean() == pytest.approx(dict(zip(METRICS, points[-1].metrics, strict=True))["test_loss"], rel=1e-3)
