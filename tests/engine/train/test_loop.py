"""Training measures at the right steps, learns, survives divergence, and does nothing unasked."""

import dataclasses
import math

import pytest

from engine.data.load import load
from engine.net.device_data import DeviceData
from engine.spec.result import METRICS, EvalPoint
from engine.spec.run import RunSpec
from engine.train.loop import eval_examples, eval_steps, train


def _metric(point: EvalPoint, name: str) -> float:
    return point.metrics[METRICS.index(name)]


@pytest.mark.parametrize("steps", [1, 2, 7, 100, 3000, 10**6])
def test_eval_steps_run_from_0_to_the_last_about_evenly_in_the_logarithm(steps: int) -> None:
    found = eval_steps(steps)
    assert found[0] == 0
    assert found[-1] == steps
    assert list(found) == sorted(set(found))
    assert len(found) <= 12 * math.log10(steps) + 3


def test_a_small_mlp_learns_the_digits() -> None:
    run = RunSpec(width=32, steps=300)
    points = [point for points in train((run,)) for point in points]
    assert [point.step for point in points] == list(eval_steps(300))
    assert _metric(points[0], "test_loss") == pytest.approx(math.log(10), rel=0.2)
    assert _metric(points[-1], "test_error") < 0.08
    assert _metric(points[-1], "train_loss") < 0.05


def test_label_noise_is_learned_by_heart_and_stays_out_of_the_test_set() -> None:
    run = RunSpec(width=256, steps=600, label_noise=0.2)
    last = [point for points in train((run,)) for point in points][-1]
    assert _metric(last, "train_error") < 0.02
    assert 0.05 < _metric(last, "test_error") < 0.3


def test_a_diverged_run_leaves_its_bucket_mates_alone() -> None:
    calm, wild = RunSpec(width=8, steps=60, optimizer="sgd"), RunSpec(width=8, steps=60, optimizer="sgd", lr=100.0)
    wild = RunSpec.of({**wild.flat(), "weight_decay": 100.0})
    together = [p for points in train((calm, wild)) for p in points]
    alone = [p for points in train((calm,)) for p in points]
    assert repr([p for p in together if p.key == calm.key]) == repr(alone)
    assert not math.isfinite([p for p in together if p.key == wild.key][-1].metrics[0])


def test_a_bucket_that_has_diverged_ends_early() -> None:
    wild = RunSpec(width=8, steps=5000, optimizer="sgd", lr=100.0, weight_decay=100.0)
    assert [p for points in train((wild,)) for p in points][-1].step < 5000


def test_not_asking_for_the_next_point_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*rest: object) -> None:
        raise AssertionError("data were loaded")

    monkeypatch.setattr(DeviceData, "of", refuse)
    training = train((RunSpec(width=2, steps=10),))
    with pytest.raises(AssertionError, match="data were loaded"):
        next(training)


def test_between_far_points_it_gives_its_caller_a_chance_to_stop() -> None:
    training = train((RunSpec(width=512, steps=10**6),))
    pulses = 0
    for points in training:
        pulses += not points
        if pulses > 2:
            break
    assert pulses == 3


def test_before_the_last_point_a_few_examples_stand_for_many() -> None:
    run = RunSpec(width=8, steps=40, eval_examples=50, label_noise=0.2)
    every = dataclasses.replace(run, eval_examples=10**6)
    some, all_points = ([p for points in train((r,)) for p in points] for r in (run, every))
    assert repr(some[-1].metrics) == repr(all_points[-1].metrics)  # the last measures all; training is the same
    first = load(run)
    for name, split in (("val_error", first.val), ("test_error", first.test), ("train_error", first.train)):
        assert 50 * _metric(some[0], name) == pytest.approx(round(50 * _metric(some[0], name)))
        assert len(split.y) > 50
    assert _metric(some[0], "test_loss") != _metric(all_points[0], "test_loss")


def test_examples_measured_keep_evaluation_near_a_tenth() -> None:
    assert eval_examples(RunSpec(steps=3000, batch_size=256)) > 1000  # all of digits
    small = eval_examples(RunSpec(steps=10_000, batch_size=64))
    assert small * 3 * len(eval_steps(10_000)) / (3 * 10_000 * 64) == pytest.approx(0.1, rel=0.01)
    assert eval_examples(RunSpec(steps=10, batch_size=1)) == 400
    assert eval_examples(RunSpec(eval_examples=7)) == 7
