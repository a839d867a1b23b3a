"""A worker against a sink in memory: it trains what is asked, once, fairly, and contains failures."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.data.load import load
from engine.plan import memory
from engine.queue import intake, worker
from engine.queue.jobs import Job, Queue
from engine.queue.scheduler import Scheduler
from engine.queue.supervisor import Supervisor
from engine.queue.worker import Worker
from engine.spec.result import RunResult, RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train import bucket
from engine.train.loop import Course, eval_steps, train
from tests.engine.queue.watched import Bucket, Watched

RUNS = SweepSpec.of({"width": (2, 3), "seed": (0, 1), "steps": 30}).runs()


class Memory:
    """Keeps results in a dict, as the spool keeps them in files."""

    def __init__(self) -> None:
        self.results: dict[str, RunResult] = {}
        self.shown: list[list[RunResult]] = []

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        return [run for run in runs if run.key not in self.results]

    def put(self, results: Sequence[RunResult]) -> None:
        assert not {result.spec.key for result in results} & set(self.results), "a run was trained twice"
        self.results |= {result.spec.key: result for result in results}

    def show(self, results: Sequence[RunResult]) -> None:
        self.shown.append(list(results))


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


def _work(queue: Queue) -> Memory:
    sink = Memory()
    at_work = Worker(queue, sink, 0, "cpu", "cpu")
    at_work.work(linger=0)
    at_work.close()
    return sink


def test_every_run_gets_its_whole_curve_and_the_job_leaves_the_queue(queue: Queue) -> None:
    queue.submit("sweep", RUNS)
    results = _work(queue).results
    assert set(results) == {run.key for run in RUNS}
    assert all(result.state is RunState.FINISHED for result in results.values())
    assert all(result.steps == eval_steps(30) for result in results.values())
    assert all(result.params > 0 and result.train_flops > 0 and result.seconds > 0 for result in results.values())
    assert not queue.jobs()


def test_every_eval_point_knows_its_seconds(queue: Queue) -> None:
    queue.submit("sweep", RUNS)
    results = _work(queue).results
    assert set(results) == {run.key for run in RUNS}
    for result in results.values():
        assert len(result.point_seconds) == len(result.steps)
        assert result.point_seconds[0] == 0
        assert list(result.point_seconds) == sorted(set(result.point_seconds))
        assert result.point_seconds[-1] == result.seconds


def test_every_run_leaves_its_predictions(queue: Queue) -> None:
    queue.submit("sweep", RUNS)
    results = _work(queue).results
    assert set(results) == {run.key for run in RUNS}
    for result in results.values():
        with np.load(io.BytesIO(result.predictions)) as kept:
            wrong = kept["answers"] != load(result.spec).test.y
            assert wrong.mean() == pytest.approx(result.metrics["test_error"][-1], abs=1e-12)


def test_weights_are_left_by_the_runs_that_ask_for_them(queue: Queue) -> None:
    queue.submit("sweep", SweepSpec.of({"width": 2, "seed": (0, 1), "steps": 30, "keep_weights": ("off", "on")}).runs())
    results = _work(queue).results.values()
    assert {bool(result.weights) for result in results if result.spec.keep_weights == "off"} == {False}
    kept = [result for result in results if result.spec.keep_weights == "on"]
    assert len(kept) == 2
    for result in kept:
        with np.load(io.BytesIO(result.weights)) as arrays:
            assert sum(arrays[name].size for name in arrays) == result.params
            norm = np.sqrt(sum(np.square(arrays[name].astype(float)).sum() for name in arrays))
        assert norm == pytest.approx(result.metrics["weight_norm"][-1], rel=1e-6)


def test_two_jobs_that_share_runs_train_them_once(queue: Queue) -> None:
    queue.submit("one", RUNS[:3])
    queue.submit("two", RUNS[1:])
    assert len(_work(queue).results) == 4


def test_all_sizes_move_together(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[int, int]] = []

    def watched(runs: tuple[RunSpec, ...], device: str, course: Course) -> Bucket:
        bucket = Watched(train(runs, device=device, course=course))
        for points in bucket:
            measured.extend((runs[0].width, point.step) for point in points[:1])
            yield points
        return bucket.trained

    monkeypatch.setattr(bucket, "train", watched)
    monkeypatch.setenv("SCALESCOPE_WORKERS", "1")
    queue.submit("sweep", SweepSpec.of({"width": (2, 200), "steps": 40}).runs())
    _work(queue)
    steps = eval_steps(40)
    assert sorted(measured[:4]) == sorted((width, step) for width in (2, 200) for step in steps[:2])


def test_the_job_that_has_had_least_time_is_advanced(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock = [0.0]

    def watched(runs: tuple[RunSpec, ...], device: str, course: Course) -> Bucket:
        bucket = Watched(train(runs, device=device, course=course))
        for points in bucket:
            order.append("slow" if runs[0].width > 4 else "quick")
            clock[0] += 1.0 if runs[0].width > 4 else 0.125  # the large ones take eight times as long
            yield points
        return bucket.trained

    monkeypatch.setattr(bucket, "train", watched)
    monkeypatch.setattr("engine.queue.worker.time.monotonic", lambda: clock[0])
    monkeypatch.setenv("SCALESCOPE_WORKERS", "1")
    queue.submit("slow", SweepSpec.of({"width": (5, 6, 7, 8), "steps": 100}).runs())
    queue.submit("quick", SweepSpec.of({"width": (2, 3), "steps": 1000}).runs())
    _work(queue)
    began = order.index("quick")
    assert began <= 2
    for turns in range(1, 40):  # while both have something to do
        slow, quick = (order[began : began + turns].count(name) for name in ("slow", "quick"))
        assert abs(1.0 * slow - 0.125 * quick) <= 1.0


def test_a_job_that_comes_late_gets_its_share_at_once_and_not_what_it_missed() -> None:
    jobs = [Job(id=name, sweep_id=name, runs=(run,)) for name, run in zip("ab", RUNS, strict=False)]
    buckets = [bucket.TrainingBucket((run,), "cpu", "cpu") for run in RUNS[:2]]
    scheduler = Scheduler()
    assert scheduler.next() is None
    scheduler.schedule(jobs[:1], buckets[:1])
    for _ in range(50):
        scheduler.charge("a", 1.0)
    scheduler.schedule(jobs, buckets)
    got = []
    for _ in range(10):
        turn = scheduler.next()
        assert turn is not None
        got.append(turn[0])
        scheduler.charge(turn[0], 1.0)
    assert got.count("a") == got.count("b") == 5


def test_a_run_that_raises_fails_with_its_text_and_alone(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(runs: tuple[RunSpec, ...], device: str, course: Course) -> Bucket:
        if any(run.seed == 1 for run in runs):
            raise RuntimeError("this seed is unlucky")
        return (yield from train(runs, device=device, course=course))

    monkeypatch.setattr(bucket, "train", broken)
    queue.submit("sweep", RUNS)
    results = _work(queue).results
    assert {r.spec.seed: r.state for r in results.values()} == {0: RunState.FINISHED, 1: RunState.FAILED}
    assert {r.error for r in results.values()} == {"", "RuntimeError: this seed is unlucky"}
    assert not queue.jobs()


def test_a_stopped_job_is_dropped_and_its_runs_have_no_result(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(runs: tuple[RunSpec, ...], device: str, course: Course) -> Bucket:
        bucket = Watched(train(runs, device=device, course=course))
        for points in bucket:
            if points and points[0].step > 5:
                queue.stop("sweep")
            yield points
        return bucket.trained

    monkeypatch.setattr(bucket, "train", stopping)
    queue.submit("sweep", RUNS)
    assert not _work(queue).results


def test_a_job_that_goes_while_its_run_fails_is_no_trouble(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(runs: tuple[RunSpec, ...], device: str, course: Course) -> Iterator[object]:
        queue.stop("sweep")
        raise RuntimeError("this one is unlucky")
        yield ()

    monkeypatch.setattr(bucket, "train", broken)
    queue.submit("sweep", RUNS[:1])
    assert [result.state for result in _work(queue).results.values()] == [RunState.FAILED]


def test_an_idle_worker_asks_the_sink_nothing(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Memory()
    monkeypatch.setattr(sink, "unsettled", lambda runs: pytest.fail("it asked"))
    at_work = Worker(queue, sink, 0, "cpu", "cpu")
    at_work.work(linger=0.3)
    at_work.close()


def test_a_run_that_does_not_fit_now_waits_and_others_see_why(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    supervisor = Supervisor(queue)

    def available() -> int:
        looks.append(supervisor.trouble())
        return 0 if len(looks) < 4 else 2**34

    monkeypatch.setattr(memory, "available", available)
    monkeypatch.setattr(memory, "resident", lambda: memory.WORKER_BYTES)
    monkeypatch.setattr("engine.queue.memory_share.ANYWHERE", 0)
    queue.submit("sweep", RUNS)
    assert len(_work(queue).results) == 4
    assert looks[0] == ""
    assert looks[3].startswith("A run of width 3 needs about ")


def test_others_see_the_runs_in_training_as_far_as_they_are(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SHOW_EVERY", 0.0)
    monkeypatch.setattr(worker, "SHOW_SHARE", 1.0)
    queue.submit("sweep", RUNS)
    sink = _work(queue)
    seen = [result for shown in sink.shown for result in shown]
    assert {result.state for result in seen} == {RunState.RUNNING}
    assert {len(result.steps) for result in seen} >= {1, 2, 3}
    assert sink.shown[-1] == []


def test_a_sweep_of_many_runs_is_begun_little_by_little(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "SHOW_EVERY", 0.0)
    monkeypatch.setattr(worker, "SHOW_SHARE", 1.0)
    monkeypatch.setattr(intake, "MOST_RUNS", 8)
    sweep = SweepSpec.of({"dataset": "moons", "dataset_size": 10, "width": tuple(range(1, 9)), "seed": (0, 1, 2, 3)})
    queue.submit("sweep", SweepSpec.of(dict(sweep.settings) | {"steps": 2}).runs())
    sink = _work(queue)
    assert len(sink.results) == 32
    assert max(len(shown) for shown in sink.shown) <= 8 + 4  # and the bucket with which it passed the bound


def test_divergence_is_a_result(queue: Queue) -> None:
    wild = {"optimizer": "sgd", "lr": 100.0, "weight_decay": 100.0, "steps": 300, "width": 4}
    queue.submit("sweep", SweepSpec.of(wild).runs())
    (result,) = _work(queue).results.values()
    assert result.state is RunState.DIVERGED
    assert result.predictions == b""
