"""What is measured, against scikit-learn and numpy on the same model."""

import numpy as np
import pytest
import torch

from engine.data.load import load
from engine.data.rng import BatchOrder
from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.spec.result import METRICS
from engine.spec.run import RunSpec
from engine.train.evaluate import measure

NOISY = RunSpec(width=24, dataset_size=200, label_noise=0.2, l2=0.01, clip=0.1, steps=60, batch_size=50)


def _trained(*runs: RunSpec, steps: int) -> tuple[Batched, DeviceData]:
    data = DeviceData.of(runs, "cpu", torch.float64)
    model = Batched(runs, data)
    orders = np.stack([BatchOrder(run.seed, run.train_size, run.batch).take(steps) for run in runs], axis=1)
    for step, rows in enumerate(torch.from_numpy(orders), start=1):
        model.step(rows, step)
    return model, data


def _found(runs: tuple[RunSpec, ...], model: Batched, data: DeviceData) -> list[dict[str, float]]:
    return [dict(zip(METRICS, point.metrics, strict=True)) for point in measure(runs, model, data, 1)]


def test_the_test_set_is_scored_as_scikit_learn_scores_it() -> None:
    from sklearn.metrics import f1_score, log_loss, recall_score  # here: no other test waits for it

    runs = (NOISY, RunSpec.of({**NOISY.flat(), "seed": 1, "data_seed": 1}))
    model, data = _trained(*runs, steps=30)
    for place, (run, found) in enumerate(zip(runs, _found(runs, model, data), strict=True)):
        test = load(run).test
        logits = model.logits(torch.tensor(test.x).expand(2, -1, -1))[place].T
        shares, answers = torch.softmax(logits, dim=1).numpy(), logits.argmax(dim=1).numpy()
        assert found["test_loss"] == pytest.approx(log_loss(test.y, shares), rel=1e-10)
        assert found["test_error"] == pytest.approx((answers != test.y).mean(), abs=1e-12)
        assert found["test_brier"] == pytest.approx(((shares - np.eye(10)[test.y]) ** 2).sum(axis=1).mean(), rel=1e-10)
        assert found["test_macro_recall"] == pytest.approx(recall_score(test.y, answers, average="macro"), rel=1e-12)
        assert found["test_macro_f1"] == pytest.approx(f1_score(test.y, answers, average="macro"), rel=1e-12)


def test_moved_and_other_labels_are_told_apart() -> None:
    model, data = _trained(NOISY, steps=60)
    (found,) = _found((NOISY,), model, data)
    own = load(NOISY)
    wrong = model.logits(torch.tensor(own.train.x)[None])[0].argmax(dim=0).numpy() != own.train.y
    assert found["flipped_error"] == pytest.approx(wrong[own.flipped].mean(), abs=1e-12)
    assert found["clean_error"] == pytest.approx(wrong[~own.flipped].mean(), abs=1e-12)
    assert found["flipped_error"] > found["clean_error"] + 0.2  # wrong labels are learned last


def test_without_wrong_labels_there_is_no_error_on_them() -> None:
    runs = (RunSpec(dataset_size=50), RunSpec(dataset_size=50, label_noise=1.0))
    clean, flipped = _found(runs, *_trained(*runs, steps=1))
    assert np.isnan(clean["flipped_error"])
    assert clean["clean_error"] == clean["train_error"]
    assert np.isnan(flipped["clean_error"])
    assert flipped["flipped_error"] == flipped["train_error"]


def test_norms_are_of_all_parameters_and_of_the_gradient_before_it_is_clipped() -> None:
    model, data = _trained(NOISY, steps=0)
    (found,) = _found((NOISY,), model, data)
    start = torch.cat([values.detach().flatten() for values in model.parameters.values()])
    assert found["weight_norm"] == pytest.approx(start.norm().item(), rel=1e-12)
    assert np.isnan(found["gradient_norm"])
    rows = torch.from_numpy(BatchOrder(0, 200, 50).take(1))
    own = load(NOISY).train
    hidden, hidden_bias, out, out_bias = (values[0].detach().requires_grad_() for values in model.parameters.values())
    x, y = torch.tensor(own.x)[rows[0]], torch.tensor(own.y)[rows[0]]
    logits = torch.relu(x @ hidden.T + hidden_bias) @ out.T + out_bias
    weights = [hidden, hidden_bias, out, out_bias]
    loss = torch.nn.functional.cross_entropy(logits, y) + 0.005 * sum((w**2).sum() for w in weights)
    norm = torch.nn.utils.get_total_norm(torch.autograd.grad(loss, weights))
    model.step(rows, 1)
    (found,) = _found((NOISY,), model, data)
    assert found["gradient_norm"] == pytest.approx(norm.item(), rel=1e-10)
    assert found["gradient_norm"] > NOISY.clip
