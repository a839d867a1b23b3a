"""What runs train on: exact label noise, nested subsets, clean and disjoint held-out splits."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine.data.load
from engine.data.load import load
from engine.data.rng import BatchOrder, dropout_mask
from engine.spec import registry
from engine.spec.knob import Knob, knobs_of
from engine.spec.result import SCORES
from engine.spec.run import RunSpec
from engine.spec.task import Split
from engine.train.loop import train

DATASETS = tuple(
    pytest.param(name, marks=pytest.mark.skipif(not registry.dataset(name).on_disk(), reason=f"{name} is not on disk"))
    for name in registry.names("datasets")
)
NATURAL_TEXT = "characters"
"""Its splits are of different files, in which the same words come up: test_datasets.py looks at the files."""


@lru_cache(maxsize=1)
def _raw(dataset: str) -> tuple[Split, Split, Split]:
    """Return pool, validation and test of data seed 0 as the data set itself loads them."""
    return registry.dataset(dataset).load(0, dict(RunSpec(dataset=dataset).options))


def exactly_the_stated_share_of_labels_is_wrong(dataset: str) -> None:
    size = min(500, RunSpec(dataset=dataset).task.max_size)
    clean = load(RunSpec(dataset=dataset, dataset_size=size)).train.y
    task = RunSpec(dataset=dataset).task
    allowed = range(task.outputs) if task.loss == "cross-entropy" else clean.ravel()
    for share in (0.0, 0.2, 0.333, 1.0):
        noisy = load(RunSpec(dataset=dataset, dataset_size=size, label_noise=share)).train.y
        assert (clean != noisy).sum() == round(share * size)
        assert set(noisy.ravel()) <= set(allowed)


def a_larger_training_set_contains_the_smaller(dataset: str) -> None:
    size = min(400, RunSpec(dataset=dataset).task.max_size)
    small, large = (load(RunSpec(dataset=dataset, dataset_size=n)).train for n in (50, size))
    assert np.array_equal(small.x, large.x[:50])
    assert np.array_equal(small.y, large.y[:50])


def no_held_out_example_is_trained_on(dataset: str) -> None:
    if dataset == NATURAL_TEXT:
        return
    limit = RunSpec(dataset=dataset).task.max_size
    found = load(RunSpec(dataset=dataset, dataset_size=limit))
    rows = np.concatenate([found.train.x, found.val.x, found.test.x]) + 0.0  # without −0.0
    assert len({row.tobytes() for row in rows}) == len(rows)


def every_example_validates_in_exactly_one_fold(dataset: str) -> None:
    size = min(101, RunSpec(dataset=dataset).task.max_size)
    runs = [RunSpec(dataset=dataset, dataset_size=size, folds=4, fold=fold, label_noise=0.2) for fold in range(4)]
    data = [load(run) for run in runs]
    whole = load(RunSpec(dataset=dataset, dataset_size=size)).train
    for run, one in zip(runs, data, strict=True):
        assert len(one.train.y) == run.train_size
        assert {len(one.val.y), run.dataset_size - run.train_size} <= {size // 4, -(-size // 4)}
        assert one.flipped.sum() == round(0.2 * run.train_size)
        rows = np.concatenate([one.train.x, one.val.x])
        assert np.array_equal(np.unique(rows, axis=0), np.unique(whole.x, axis=0))
    held_out = np.concatenate([one.val.x for one in data])
    labels = np.concatenate([one.val.y for one in data])
    order, whole_order = np.lexsort(held_out.T), np.lexsort(whole.x.T)
    assert np.array_equal(held_out[order], whole.x[whole_order])
    assert np.array_equal(labels[order], whole.y[whole_order])  # clean


def the_data_follow_from_the_data_seed_alone(dataset: str) -> None:
    first, same, other = (
        load(RunSpec(dataset=dataset, seed=seed, data_seed=data_seed)).train.x
        for seed, data_seed in ((0, 0), (1, 0), (0, 6))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def loading_twice_gives_the_same(dataset: str) -> None:
    again = load(RunSpec(dataset=dataset, dataset_size=RunSpec(dataset=dataset).task.max_size, standardize="off"))
    for a, b in zip(_raw(dataset), (again.train, again.val, again.test), strict=True):
        assert np.array_equal(a.x, b.x)
        assert np.array_equal(a.y, b.y)


def the_splits_are_what_the_task_says(dataset: str) -> None:
    task = RunSpec(dataset=dataset).task
    pool, val, test = _raw(dataset)
    assert len(pool.x) == task.max_size
    for split in (pool, val, test):
        assert split.x.dtype == np.float64
        assert split.x.shape == (len(split.y), task.inputs)
        assert len(split.y) > 0
        if task.loss == "cross-entropy":
            assert split.y.dtype == np.int64
            assert split.y.min() >= 0
            assert split.y.max() < task.outputs
        else:
            assert split.y.dtype == np.float64
            assert split.y.shape == (len(split.y), task.outputs)
            assert split.y.std() == pytest.approx(1, abs=0.3)
        if task.loss == "hinge":
            assert set(split.y.ravel()) == {-1.0, 1.0}


def inputs_are_finite_and_of_moderate_size_or_tokens(dataset: str) -> None:
    x, task = load(RunSpec(dataset=dataset)).train.x, RunSpec(dataset=dataset).task
    if task.tokens:
        assert np.isin(x, np.arange(task.tokens)).all()
    else:
        assert np.isfinite(x).all()
        assert 0.3 < x.std() < 3
        assert np.abs(x).max() < 20


def inputs_are_standardised_as_asked_by_the_pool_alone(dataset: str) -> None:
    task = RunSpec(dataset=dataset).task
    if task.tokens:
        return  # which are names, not numbers
    raw = _raw(dataset)
    whole = RunSpec(dataset=dataset, dataset_size=task.max_size)
    off, each, at_once = (load(replace(whole, standardize=how)) for how in ("off", "each", "all"))
    for name, was in zip(("train", "val", "test"), raw, strict=True):
        assert np.array_equal(getattr(off, name).x, was.x)
        alone = np.where(raw[0].x.std(axis=0) > 0, raw[0].x.std(axis=0), 1)
        assert np.allclose(getattr(each, name).x * alone + raw[0].x.mean(axis=0), was.x, rtol=0, atol=1e-9)
        assert np.allclose(getattr(at_once, name).x * raw[0].x.std() + raw[0].x.mean(), was.x, rtol=0, atol=1e-9)
        for found in (off, each, at_once):
            assert np.array_equal(getattr(found, name).y, was.y)
    assert np.allclose(each.train.x.mean(axis=0), 0, atol=1e-9)
    assert np.abs(at_once.train.x.std() - 1) < 1e-9
    small = load(RunSpec(dataset=dataset, dataset_size=30, standardize="each"))
    assert np.array_equal(small.train.x, each.train.x[:30])


PROMISES: tuple[Callable[[str], None], ...] = (
    exactly_the_stated_share_of_labels_is_wrong,
    a_larger_training_set_contains_the_smaller,
    no_held_out_example_is_trained_on,
    every_example_validates_in_exactly_one_fold,
    the_data_follow_from_the_data_seed_alone,
    loading_twice_gives_the_same,
    the_splits_are_what_the_task_says,
    inputs_are_finite_and_of_moderate_size_or_tokens,
    inputs_are_standardised_as_asked_by_the_pool_alone,
)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_data_set_keeps_every_promise(dataset: str) -> None:
    """The promises are kept one after the other, since loading a data set takes longer than all of them."""
    for promise in PROMISES:
        promise(dataset)


def test_what_a_data_set_does_anyway_is_one_key() -> None:
    assert RunSpec(dataset="wine", standardize="each") == RunSpec(dataset="wine")
    assert RunSpec(standardize="all") == RunSpec()
    assert RunSpec(dataset="modular", standardize="off") == RunSpec(dataset="modular")
    assert RunSpec(standardize="each").key != RunSpec().key


def test_knobs_of_one_name_mean_one_thing() -> None:  # or a sweep over several data sets would mix their defaults
    seen: dict[str, Knob] = {}
    for name in registry.names("datasets"):
        for knob in registry.dataset(name).knobs:
            assert seen.setdefault(knob.name, knob) == knob
    assert not set(seen) & {knob.name for name in registry.names("archs") for knob in registry.arch(name).knobs}
    assert not set(seen) & set(knobs_of(RunSpec))


ARCHS = registry.names("archs")


def _in_turn(arch: int, dataset: int) -> Any:
    """Return one architecture on one data set; daily each data set but the text has one, each architecture several."""
    slow = (arch + dataset) % len(ARCHS) or NATURAL_TEXT in DATASETS[dataset].values
    marks = [*DATASETS[dataset].marks, *([pytest.mark.long] if slow else [])]
    return pytest.param(ARCHS[arch], *DATASETS[dataset].values, marks=marks)


@pytest.mark.parametrize(
    ("arch", "dataset"), [_in_turn(arch, dataset) for dataset in range(len(DATASETS)) for arch in range(len(ARCHS))]
)
def test_every_architecture_trains_on_it(arch: str, dataset: str) -> None:
    run = RunSpec(arch=arch, dataset=dataset, dataset_size=50, batch_size=20, width=4, steps=3)
    points = [point for points in train((run,)) for point in points]
    assert points[-1].step == 3
    assert np.isfinite([point.metrics[: len(SCORES)] for point in points]).all()


def test_only_so_much_memory_holds_data_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    size = sum(split.x.nbytes + split.y.nbytes for split in registry.dataset("wine").load(0, {}))
    monkeypatch.setattr("engine.data.load.KEPT_BYTES", 2.5 * size)
    monkeypatch.setattr("engine.data.load._latest", {})
    for seed in (0, 1, 0, 2):
        load(RunSpec(dataset="wine", seed=seed))
    assert [key[1] for key in engine.data.load._latest] == [0, 2]  # the one used longest ago went
    monkeypatch.setattr("engine.data.load.KEPT_BYTES", 0)
    assert len(load(RunSpec(dataset="wine", seed=3)).train.y) == 100


def test_an_epoch_shows_every_example_once() -> None:
    order = BatchOrder(seed=0, dataset_size=10, batch=4)
    seen = np.concatenate([order.take(2).ravel(), order.take(3).ravel()])
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))


@given(
    seed=st.integers(0, 2**31 - 1),
    size=st.integers(1, 200),
    share=st.floats(0, 1),
    taken=st.lists(st.integers(1, 12), min_size=1, max_size=5),
)
def test_the_order_does_not_depend_on_how_it_is_taken(seed: int, size: int, share: float, taken: list[int]) -> None:
    whole, parts = (BatchOrder(seed, size, batch=max(1, round(share * size))) for _ in range(2))
    assert np.array_equal(whole.take(sum(taken)), np.concatenate([parts.take(steps) for steps in taken]))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_stated_share_of_units_independently(rate: float) -> None:
    kept = dropout_mask(base=12345, rows=500, units=200, dropout=rate)
    assert kept.mean() == pytest.approx(1 - rate, abs=0.01)
    neighbours = np.corrcoef(kept[:, :-1].ravel(), kept[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.02
