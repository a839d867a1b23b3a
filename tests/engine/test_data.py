"""What runs train on: exact label noise, nested subsets, clean and disjoint held-out splits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from engine import registry
from engine.data import load
from engine.datasets.digits import _table
from engine.randomness import BatchOrder, kept_units
from engine.spec import RunSpec

DATASETS = registry.names("datasets")


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.333, 1.0])
def test_exactly_the_stated_share_of_labels_is_wrong(dataset: str, share: float) -> None:
    clean = load(RunSpec(dataset=dataset, dataset_size=500)).train.y
    noisy = load(RunSpec(dataset=dataset, dataset_size=500, label_noise=share)).train.y
    assert (clean != noisy).sum() == round(share * 500)
    assert set(noisy) <= set(range(RunSpec(dataset=dataset).task.outputs))


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_larger_training_set_contains_the_smaller(dataset: str) -> None:
    small, large = (load(RunSpec(dataset=dataset, dataset_size=n)).train.x for n in (50, 400))
    assert np.array_equal(small, large[:50])


@pytest.mark.parametrize("dataset", DATASETS)
def test_no_held_out_example_is_trained_on(dataset: str) -> None:
    limit = RunSpec(dataset=dataset).task.max_size
    data = load(RunSpec(dataset=dataset, dataset_size=limit))
    rows = np.concatenate([data.train.x, data.val.x, data.test.x])
    assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_example_validates_in_exactly_one_fold(dataset: str) -> None:
    runs = [RunSpec(dataset=dataset, dataset_size=101, folds=4, fold=fold, label_noise=0.2) for fold in range(4)]
    data = [load(run) for run in runs]
    whole = load(RunSpec(dataset=dataset, dataset_size=101)).train
    for run, one in zip(runs, data, strict=True):
        assert len(one.train.y) == run.train_size
        assert {len(one.val.y), run.dataset_size - run.train_size} <= {25, 26}
        assert one.moved.sum() == round(0.2 * run.train_size)
        rows = np.concatenate([one.train.x, one.val.x])
        assert np.array_equal(np.unique(rows, axis=0), np.unique(whole.x, axis=0))
    held_out = np.concatenate([one.val.x for one in data])
    labels = np.concatenate([one.val.y for one in data])
    order, whole_order = np.lexsort(held_out.T), np.lexsort(whole.x.T)
    assert np.array_equal(held_out[order], whole.x[whole_order])
    assert np.array_equal(labels[order], whole.y[whole_order])  # clean


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_data_follow_from_the_data_seed_alone(dataset: str) -> None:
    first, same, other = (
        load(RunSpec(dataset=dataset, seed=seed, data_seed=data_seed)).train.x
        for seed, data_seed in ((0, 5), (1, 5), (0, 6))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("dataset", DATASETS)
def test_inputs_are_finite_and_of_moderate_size(dataset: str) -> None:
    x = load(RunSpec(dataset=dataset)).train.x
    assert np.isfinite(x).all()
    assert 0.3 < x.std() < 3
    assert x.shape[1] == RunSpec(dataset=dataset).task.inputs


def test_the_digits_are_scikit_learns() -> None:
    x, y = load_digits(return_X_y=True)
    own_x, own_y = _table()
    assert np.array_equal(own_x, x)
    assert np.array_equal(own_y, y)


def test_an_epoch_shows_every_example_once() -> None:
    order = BatchOrder(seed=0, dataset_size=10, batch=4)
    seen = np.concatenate([order.take(2).ravel(), order.take(3).ravel()])
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))


def test_the_order_does_not_depend_on_how_it_is_taken() -> None:
    whole = BatchOrder(seed=3, dataset_size=100, batch=32).take(20)
    parts = BatchOrder(seed=3, dataset_size=100, batch=32)
    assert np.array_equal(whole, np.concatenate([parts.take(7), parts.take(1), parts.take(12)]))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_stated_share_of_units_independently(rate: float) -> None:
    kept = kept_units(base=12345, rows=500, units=200, dropout=rate)
    assert kept.mean() == pytest.approx(1 - rate, abs=0.01)
    neighbours = np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.02
