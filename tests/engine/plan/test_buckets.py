"""Planning: every run in one bucket of its own shape, the work shared evenly, costs predicted."""

import pytest

from engine.net.kernel.build import compiler
from engine.plan import buckets, cost
from engine.spec import registry
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from tests.benchmarks.fit_costs import FITS, Fit

OPENING = SweepSpec.of(registry.preset("digits-double-descent").settings).runs()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_run_is_in_exactly_one_bucket_and_one_share(workers: int) -> None:
    planned = buckets.buckets(OPENING, workers)
    shares = [bucket for worker in range(workers) for bucket in buckets.share(planned, workers, worker)]
    assert sorted(run.key for bucket in shares for run in bucket.runs) == sorted(run.key for run in OPENING)
    assert all(len({buckets.shape(run) for run in bucket.runs}) == 1 for bucket in planned)


def test_the_longest_bucket_comes_first_and_loads_are_even() -> None:
    planned = buckets.buckets(OPENING, 2)
    assert [bucket.seconds for bucket in planned] == sorted((b.seconds for b in planned), reverse=True)
    loads = [sum(bucket.seconds for bucket in buckets.share(planned, 2, worker)) for worker in range(2)]
    assert max(loads) < 1.25 * min(loads)


def test_many_seeds_of_one_width_keep_all_workers_busy() -> None:
    runs = SweepSpec.of({"width": 64, "seed": tuple(range(16))}).runs()
    assert all(buckets.share(buckets.buckets(runs, 2), 2, worker) for worker in range(2))


def test_rates_and_seeds_share_a_bucket_and_shapes_do_not() -> None:
    vectors = SweepSpec.of({"lr": (0.01, 0.02), "dropout": (0.0, 0.5), "seed": (0, 1), "width": 4, "steps": 5}).runs()
    assert len(buckets.buckets(vectors, 1)) == 1
    shapes = SweepSpec.of({"depth": (1, 2), "activation": ("relu", "tanh"), "optimizer": ("adamw", "sgd")}).runs()
    assert len(buckets.buckets(shapes, 1)) == 8


def test_a_wide_bucket_is_cut_to_what_fits_the_cache() -> None:
    runs = SweepSpec.of({"width": 1024, "depth": 3, "seed": tuple(range(6))}).runs()
    assert len(buckets.buckets(runs, 1)) == 6


def test_more_work_is_predicted_to_take_longer() -> None:
    assert buckets.predicted_seconds(()) == 0
    small, large = (buckets.predicted_seconds((RunSpec(width=width),), 1) for width in (16, 2048))
    assert small < large
    for augmentation in ({"shift": 1}, {"rotate": 5.0}, {"augment_noise": 0.1}, {"mixup": 0.2}):
        assert cost.run_seconds(RunSpec.of(augmentation)) > 1.05 * cost.run_seconds(RunSpec(clip=1.0))
    assert buckets.predicted_seconds(OPENING, 2) < buckets.predicted_seconds(OPENING, 1)


def test_the_number_of_workers_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALESCOPE_WORKERS", "7")
    assert buckets.worker_count() == 7
    monkeypatch.setenv("SCALESCOPE_WORKERS", "many")
    with pytest.raises(ValueError, match="SCALESCOPE_WORKERS=many is not possible; allowed: a whole number"):
        buckets.worker_count()


def test_rates_of_their_own_belong_to_architectures_that_there_are() -> None:
    assert set(cost.KERNEL_OF) <= set(registry.names("archs"))
    assert all(len(rates) == len(cost.KERNEL) for rates in cost.KERNEL_OF.values())


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: fit.title)
def test_a_fit_to_times_as_predicted_finds_the_constants_again(fit: Fit) -> None:
    if compiler() is None and "KERNEL" in fit.title:
        pytest.skip("no C++ compiler here, or it is off")
    timed = fit.buckets()
    assert fit.fitted(timed, fit.predicted(fit.constants, timed)) == pytest.approx(fit.constants, rel=1e-6, abs=1e-9)
    slower = [2.5 * constant for constant in fit.constants]
    assert fit.fitted(timed, fit.predicted(slower, timed)) == pytest.approx(slower, rel=1e-6, abs=1e-9)
