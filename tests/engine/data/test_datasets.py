"""What each data set claims to be: its labels by another way, its best possible error, its splits by content."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import scipy

from engine.data.load import load
from engine.data.sklearn_tables import shipped
from engine.datasets import addition, blobs, characters, modular, parity, two_scale
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.task import Split


def _all(dataset: str, **options: object) -> Split:
    """Return every example of a data set, whatever its split."""
    run = RunSpec.of({"dataset": dataset, **options})
    splits = registry.dataset(dataset).load(run.data_seed, dict(run.options))
    return Split(x=np.concatenate([s.x for s in splits]), y=np.concatenate([s.y for s in splits]))


def test_two_blobs_are_told_apart_as_well_as_theory_says() -> None:
    found = _all("blobs", classes=2, input_noise=1.0)
    distance = np.linalg.norm(found.x[:, None] - blobs.centres(2), axis=2)
    best = 0.5 * math.erfc(1 / math.sqrt(2))
    assert (distance.argmin(axis=1) != found.y).mean() == pytest.approx(best, abs=4 * math.sqrt(best / len(found.y)))


def test_without_noise_the_shapes_are_what_their_names_say() -> None:
    circles, spirals = _all("circles", input_noise=0), _all("spirals", input_noise=0)
    assert np.allclose(np.hypot(*circles.x.T), np.where(circles.y == 0, 1, 0.5))
    radius, angle = np.hypot(*spirals.x.T), np.arctan2(spirals.x[:, 1], spirals.x[:, 0])
    turns = radius - angle / (2 * np.pi) - spirals.y / 2
    assert np.allclose(turns, turns.round(), atol=1e-9)


@pytest.mark.parametrize("operation", modular.OPERATIONS)
def test_modular_arithmetic_is_that_of_whole_numbers_on_every_pair(operation: str) -> None:
    found = _all("modular", operation=operation, modulus=11)
    pairs = {(int(a), int(b)) for a, b in found.x}
    assert pairs == set(itertools.product(range(11), range(operation == "divide", 11)))
    for (a, b), c in zip(found.x.astype(int), found.y, strict=True):
        right = {"add": a + b - c, "subtract": a - b - c, "multiply": a * b - c, "divide": c * b - a}[operation]
        assert right % 11 == 0


def test_a_modulus_that_is_not_prime_is_refused_with_one_that_is() -> None:
    with pytest.raises(ValueError, match=r"modulus=54 is not possible; allowed: a prime, e\.g\. 53"):
        RunSpec.of({"dataset": "modular", "modulus": 54})


@pytest.mark.parametrize("bits", [10, 40])
@pytest.mark.parametrize("loss", ["hinge", "cross-entropy"])
def test_one_set_of_bits_explains_a_parity(bits: int, loss: str) -> None:
    found = _all("parity", bits=bits, relevant_bits=2, loss=loss)
    assert set(found.x.ravel()) == {-1.0, 1.0}
    fits = [
        pair
        for pair in itertools.combinations(range(bits), 2)
        if np.array_equal(found.x[:, pair].prod(axis=1) < 0, found.y.ravel() == 1)
    ]
    assert len(fits) == 1
    assert len(found.y) == min(2**bits, parity.MOST)


def test_multitask_parity_asks_for_one_task_at_a_time_by_zipfs_law() -> None:
    found = _all("multitask-parity", tasks=5, bits=20, relevant_bits=2, zipf=0.4)
    control, strings = found.x[:, :5], found.x[:, 5:]
    assert np.array_equal(np.sort(control, axis=1), np.tile([0, 0, 0, 0, 1], (len(control), 1)))
    law = np.arange(1, 6) ** -1.4
    assert np.allclose(control.mean(axis=0), law / law.sum(), atol=0.015)
    for task in range(5):
        own, y = strings[control[:, task] == 1], found.y[control[:, task] == 1]
        pairs = itertools.combinations(range(20), 2)
        assert sum(np.array_equal(own[:, pair].prod(axis=1) < 0, y == 1) for pair in pairs) == 1


def test_the_tables_are_scikit_learns() -> None:
    from sklearn import datasets  # here: no other test waits for it

    for name, header, load_theirs in (
        ("digits.csv.gz", 0, datasets.load_digits),
        ("breast_cancer.csv", 1, datasets.load_breast_cancer),
        ("wine_data.csv", 1, datasets.load_wine),
        ("iris.csv", 1, datasets.load_iris),
    ):
        x, y = load_theirs(return_X_y=True)
        rows = shipped(name, header=header)
        assert np.array_equal(rows[:, :-1], x), name
        assert np.array_equal(rows[:, -1], y), name
    theirs_x, theirs_y = datasets.load_diabetes(return_X_y=True)
    found = _all("diabetes")
    ours, theirs = (np.corrcoef(x.T, y.ravel()) for x, y in ((found.x, found.y), (theirs_x, theirs_y)))
    assert np.allclose(ours, theirs)
    order = np.random.Generator(np.random.Philox(key=[0, 1])).permutation(442)
    assert np.allclose(
        found.x.std(axis=0)[0] * theirs_x[order, 0] / theirs_x[:, 0].std(), found.x[:, 0] - found.x[:, 0].mean()
    )


def test_a_string_too_short_for_many_tasks_is_refused() -> None:
    with pytest.raises(ValueError, match="bits=10 is not possible for multitask-parity; allowed: a whole number from"):
        RunSpec.of({"dataset": "multitask-parity", "bits": 10})


@pytest.mark.parametrize("digits", [1, 2, 4])
def test_addition_asks_for_the_digits_of_the_sum(digits: int) -> None:
    found = _all("addition", digits=digits)
    pairs = set()
    for row, answer in zip(found.x.astype(int), found.y, strict=True):
        text = "".join(map(str, row[:-1]))
        a, b, place = int(text[:digits]), int(text[digits:]), row[-1] - 10
        assert str(a + b).zfill(digits + 1)[::-1][place] == str(answer)
        pairs.add((a, b))
    assert len(pairs) == len(found.y) == min(100**digits, addition.MOST)


def test_addition_asks_for_the_whole_sum() -> None:
    found, digit = _all("addition", digits=2, answer="sum"), _all("addition", digits=2)
    assert np.array_equal(found.x, digit.x[:, :-1])  # the same pairs in the same order
    for row, answers in zip(found.x.astype(int), found.y, strict=True):
        text = "".join(map(str, row))
        assert "".join(map(str, answers)) == str(int(text[:2]) + int(text[2:])).zfill(3)


def test_characters_come_from_files_of_their_own_split_alone() -> None:
    train, val, test = ("".join(characters.SYMBOLS[i] for i in text) for text in characters.texts())
    assert len(train) > 2_000_000
    run = RunSpec.of({"dataset": "characters", "context": 40})
    found = load(dataclasses.replace(run, dataset_size=run.task.max_size))
    for text, split in ((train, found.train), (val, found.val), (test, found.test)):
        for row, answer in zip(split.x[:50].astype(int), split.y[:50], strict=True):
            assert "".join(characters.SYMBOLS[i] for i in [*row, answer]) in text
    names = [name for name, _ in characters.files()]
    assert len(set(names)) == len(names)
    seen = {row.tobytes() for row in found.train.x}
    assert np.mean([row.tobytes() in seen for row in found.test.x]) < 0.02  # licences and the like


@pytest.mark.long
def test_mnist1d_is_as_hard_for_a_linear_model_as_published() -> None:
    found = load(RunSpec(dataset="mnist1d", dataset_size=4000))
    pool, val, test = found.train, found.val, found.test
    assert np.array_equal(np.bincount(np.concatenate([pool.y, val.y, test.y])), np.full(10, 600))
    inputs, classes = np.column_stack([pool.x, np.ones(len(pool.x))]), np.eye(10)[pool.y]

    def logistic(weights: np.ndarray) -> tuple[float, np.ndarray]:
        shares = scipy.special.softmax(inputs @ weights.reshape(-1, 10), axis=1)
        return -float(np.log((shares * classes).sum(axis=1)).mean()), (inputs.T @ (shares - classes)).ravel() / len(
            inputs
        )

    weights = scipy.optimize.minimize(logistic, np.zeros(410), jac=True, method="L-BFGS-B").x.reshape(-1, 10)
    accuracy = ((test.x @ weights[:-1] + weights[-1]).argmax(axis=1) == test.y).mean()
    assert accuracy == pytest.approx(0.32, abs=0.03)  # arXiv:2011.14439: 32 % for logistic regression


def test_two_scales_are_linear_and_noisy_in_the_pool_alone() -> None:
    run = RunSpec.of({"dataset": "two-scale", "slow_scale": 0.05, "target_noise": 0.5})
    pool, val, test = registry.dataset("two-scale").load(0, dict(run.options))
    held_out = Split(x=np.concatenate([val.x, test.x]), y=np.concatenate([val.y, test.y]))

    def fitted(split: Split) -> tuple[np.ndarray, float]:
        columns = np.column_stack([split.x, np.ones(len(split.x))])
        weights = np.linalg.lstsq(columns, split.y, rcond=None)[0]
        return weights[:-1, 0], float((columns @ weights - split.y).std())

    weights, left = fitted(held_out)
    assert left < 1e-9
    scale = math.sqrt(two_scale.FAST_SIGNAL**2 + two_scale.SLOW_SIGNAL**2 + 0.5**2)
    assert fitted(pool)[1] * scale == pytest.approx(0.5, rel=0.1)
    fast, slow = np.split(weights, [two_scale.FAST])
    assert np.linalg.norm(slow) / np.linalg.norm(fast) == pytest.approx(1 / (0.05 * 2))
    spreads = held_out.x.std(axis=0)
    assert np.allclose(spreads, [1.0] * two_scale.FAST + [0.05] * two_scale.SLOW, rtol=0.1)


def test_the_signs_of_a_teacher_are_those_of_as_many_networks() -> None:
    found, plain = _all("teacher-student", signs=5), _all("teacher-student")
    assert np.array_equal(found.x, plain.x)
    assert np.allclose(found.y.mean(axis=0), 0.5, atol=0.02)
    agree = np.abs(np.corrcoef(found.y.T)[np.triu_indices(5, 1)])
    assert 0 < agree.max() < 0.99
    with pytest.raises(ValueError, match="signs=1 is not possible; allowed: 0, or a whole number from 2 to 64"):
        RunSpec.of({"dataset": "teacher-student", "signs": 1})
