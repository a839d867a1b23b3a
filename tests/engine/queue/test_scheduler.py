"""Turns between jobs, whoever comes and goes and however long a turn takes: nobody is left behind."""

from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.queue.jobs import Job
from engine.queue.scheduler import Scheduler
from engine.spec.sweep import SweepSpec
from engine.train.bucket import TrainingBucket

RUNS = SweepSpec.of({"width": 2, "seed": tuple(range(5))}).runs()
JOBS = [Job(id=f"job {run.seed}", sweep_id="sweep", runs=(run,)) for run in RUNS]


class _Bucket:
    """As much of a bucket in training as turns ask for."""

    measured = 0

    def __init__(self, job: Job) -> None:
        self.runs = job.runs


BUCKETS = [cast(TrainingBucket, _Bucket(job)) for job in JOBS]


@settings(max_examples=100)
@given(
    stretches=st.lists(
        st.tuples(
            st.sets(st.integers(0, len(JOBS) - 1), min_size=1), st.lists(st.floats(0.001, 1.0), min_size=1, max_size=30)
        ),
        max_size=6,
    )
)
def test_no_job_is_ahead_of_another_by_more_than_the_longest_turn(
    stretches: list[tuple[set[int], list[float]]],
) -> None:
    scheduler = Scheduler()
    for chosen, seconds in stretches:
        jobs = [JOBS[place] for place in sorted(chosen)]
        scheduler.schedule(jobs, BUCKETS)
        for took in seconds:
            turn = scheduler.next()
            assert turn is not None
            scheduler.charge(turn[0], took)
            spent = [scheduler.seconds(job) for job in jobs]
            assert max(spent) - min(spent) <= 1.0 + 1e-9
