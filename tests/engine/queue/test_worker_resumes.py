"""A worker goes on where a killed one left its checkpoints, and what it gives is what it would have given."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from engine.queue import worker
from engine.queue.jobs import Queue
from engine.queue.worker import Worker
from engine.spec.result import RunResult, RunState
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train import bucket, checkpoint
from engine.train.loop import Course, train
from tests.engine.queue.watched import Bucket

RUNS = SweepSpec.of({"width": (2, 3), "seed": (0, 1), "dropout": 0.2, "dataset_size": 200, "steps": 60}).runs()


class Killed(BaseException):
    """Ends a worker at once, as a kill does."""


class Memory:
    """Keeps results in a dict, as the spool keeps them in files; kills its worker where it is told to."""

    def __init__(self, kill: Callable[[Sequence[RunResult]], bool] = lambda shown: False) -> None:
        self.results: dict[str, RunResult] = {}
        self.shown: list[Sequence[RunResult]] = []
        self._kill = kill

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        return [run for run in runs if run.key not in self.results]

    def put(self, results: Sequence[RunResult]) -> None:
        self.results |= {result.spec.key: result for result in results}

    def show(self, results: Sequence[RunResult]) -> None:
        self.shown.append(results)
        if self._kill(results):
            raise Killed


def _came_to(step: int) -> Callable[[Sequence[RunResult]], bool]:
    return lambda shown: bool(shown) and min(result.steps[-1] if result.steps else 0 for result in shown) >= step


@pytest.fixture(autouse=True)
def _checkpoints_and_looks_after_every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALESCOPE_WORKERS", "1")
    monkeypatch.setenv("SCALESCOPE_CHECKPOINT_SECONDS", "0")
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    monkeypatch.setattr(worker, "SHOW_EVERY", 0.0)
    monkeypatch.setattr(worker, "SHOW_SHARE", 1e9)


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    found = Queue(tmp_path)
    found.submit("sweep", RUNS)
    return found


def _work(queue: Queue, sink: Memory) -> Memory:
    at_work = Worker(queue, sink, 0, "cpu", "cpu")
    try:
        at_work.work(linger=0)
    finally:
        at_work.close()
    return sink


def _killed(queue: Queue, step: int = 20) -> None:
    with pytest.raises(Killed):
        _work(queue, Memory(_came_to(step)))


def _files(queue: Queue) -> list[Path]:
    return sorted((queue.home / "checkpoints").iterdir())


def _said(sink: Memory) -> dict[str, object]:
    """Return all that is told of every run but the time it took."""
    return {
        key: (result.state, result.steps, repr(result.metrics), result.predictions)
        for key, result in sink.results.items()
    }


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    queue = Queue(tmp_path_factory.mktemp("untouched"))
    queue.submit("sweep", RUNS)
    return _said(_work(queue, Memory()))


def test_it_goes_on_at_once_and_to_the_same_end(queue: Queue, untouched: dict[str, object]) -> None:
    for step in (5, 20):
        _killed(queue, step)
    assert len(_files(queue)) == 2
    sink = _work(queue, Memory())
    assert all(result.steps[-1] >= 20 for result in sink.shown[0])  # before it takes a step
    assert len(sink.shown[0]) == len(RUNS)
    assert _said(sink) == untouched
    for result in sink.results.values():
        assert list(result.point_seconds) == sorted(set(result.point_seconds))
        assert result.point_seconds[-1] == result.seconds
    assert _files(queue) == []


def test_runs_go_on_without_a_bucket_mate_that_is_settled(queue: Queue, untouched: dict[str, object]) -> None:
    _killed(queue)
    settled, sink = RUNS[1], Memory()
    sink.results[settled.key] = RunResult(spec=settled, state=RunState.FINISHED)
    _work(queue, sink)
    assert all(result.steps[-1] >= 20 for result in sink.shown[0])
    found = _said(sink)
    assert {key: found[key] for key in found if key != settled.key} == {
        key: untouched[key] for key in untouched if key != settled.key
    }
    assert _files(queue) == []


def test_damaged_checkpoints_cost_the_time_they_held(queue: Queue, untouched: dict[str, object]) -> None:
    _killed(queue)
    for path in _files(queue):
        path.write_bytes(path.read_bytes()[:-9] + b"damaged!!")
    sink = _work(queue, Memory())
    assert max(len(result.steps) for result in sink.shown[0]) <= 1
    assert _said(sink) == untouched


def test_a_paused_sweep_whose_worker_dies_goes_on_when_it_is_resumed(
    queue: Queue, untouched: dict[str, object]
) -> None:
    def pause(shown: Sequence[RunResult]) -> bool:
        if _came_to(20)(shown):
            queue.pause("sweep")
        return bool(sink.shown[-2:-1]) and shown == sink.shown[-2]  # it takes no step any more

    sink = Memory(pause)
    with pytest.raises(Killed):
        _work(queue, sink)
    queue.resume("sweep")
    sink = _work(queue, Memory())
    assert all(result.steps[-1] >= 20 for result in sink.shown[0])
    assert _said(sink) == untouched


def test_a_stop_takes_the_checkpoints_away(queue: Queue) -> None:
    def stop(shown: Sequence[RunResult]) -> bool:
        if _came_to(20)(shown):
            assert _files(queue)
            queue.stop("sweep")
        return False

    assert not _work(queue, Memory(stop)).results
    assert _files(queue) == []


def test_a_stop_while_nobody_works_takes_them_away_at_the_next_start(queue: Queue) -> None:
    _killed(queue)
    queue.stop("sweep")
    _work(queue, Memory())
    assert _files(queue) == []


def test_what_breaks_where_it_goes_on_trains_from_the_start(
    queue: Queue, untouched: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(runs: tuple[RunSpec, ...], device: str, course: Course) -> Bucket:
        if course.start is not None:
            raise RuntimeError("this is no state to go on from")
        return (yield from train(runs, device=device, course=course))

    _killed(queue)
    monkeypatch.setattr(bucket, "train", broken)
    assert _said(_work(queue, Memory())) == untouched
    assert _files(queue) == []


def test_a_run_that_fails_leaves_no_checkpoint(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(runs: tuple[RunSpec, ...], device: str, course: Course) -> Bucket:
        for points in train(runs, device=device, course=course):
            yield points
            if course.step >= 20:
                assert _files(queue)
                raise RuntimeError("enough")
        raise AssertionError("it has come to its end")

    monkeypatch.setattr(bucket, "train", broken)
    sink = _work(queue, Memory())
    assert {result.error for result in sink.results.values()} == {"RuntimeError: enough"}
    assert len(sink.results) == len(RUNS)
    assert _files(queue) == []
