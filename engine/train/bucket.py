"""A bucket in training: its worker advances it, and reads its results as far as they have come."""

import math
import time
from collections.abc import Generator

import numpy as np

from engine.spec.count import count
from engine.spec.result import METRICS, EvalPoint, RunResult, RunState
from engine.spec.run import RunSpec, train_flops
from engine.train.artifacts import Trained, packed
from engine.train.checkpoint import BYTES_PER_SECOND, Checkpoint, Checkpoints
from engine.train.loop import Course, train


class TrainingBucket:
    """Runs of one shape that train together."""

    def __init__(
        self, runs: tuple[RunSpec, ...], device: str, device_name: str, checkpoint: Checkpoint | None = None
    ) -> None:
        """Begin from the start, or go on from a checkpoint of exactly these runs."""
        self.runs, self._device_name = runs, device_name
        self._course = Course(start=checkpoint.state if checkpoint else None)
        self._points: Generator[tuple[EvalPoint, ...], None, Trained] = train(runs, device=device, course=self._course)
        self._curves = checkpoint.curves() if checkpoint else {run.key: [] for run in runs}
        self.measured = len(checkpoint.steps) if checkpoint else 0
        self._seconds = checkpoint.seconds * len(runs) if checkpoint else 0.0
        self._point_seconds = list(checkpoint.point_seconds) if checkpoint else []
        self.resumed = checkpoint is not None
        self._begun, self._unsaved = False, 0.0
        self._cost = sum(3 * 4 * count(run).params for run in runs) / BYTES_PER_SECOND  # weights and two moments
        self._predictions: dict[str, bytes] = {}
        self._weights: dict[str, bytes] = {}

    def advance(self) -> bool:
        """Train up to the next eval point or for a moment; return False at the end."""
        start = time.perf_counter()
        try:
            points = next(self._points)
        except StopIteration as end:
            self._pack(end.value)
            return False
        if self._begun:  # the first time also loads data: not what a run costs
            self._seconds += (took := time.perf_counter() - start)
            self._unsaved += took
        self._begun = True
        if points:
            self.measured += 1
            self._point_seconds.append(self._seconds / len(self.runs))
        for point in points:
            self._curves[point.key].append(point)
        return True

    def save_if_due(self, checkpoints: Checkpoints) -> None:
        """Write a checkpoint if the bucket has trained for long enough since the last one, and has more to train."""
        if checkpoints.due(self._unsaved, self._cost) and not self._is_at_its_end():
            checkpoint = Checkpoint(
                keys=tuple(run.key for run in self.runs),
                state=self._course.state(),
                steps=tuple(point.step for point in self._curves[self.runs[0].key]),
                metrics=np.array([[point.metrics for point in self._curves[run.key]] for run in self.runs]),
                point_seconds=tuple(self._point_seconds),
                seconds=self._seconds / len(self.runs),
            )
            self._cost, self._unsaved = checkpoints.write(self.runs, checkpoint), 0.0

    def _pack(self, trained: Trained) -> None:
        """Pack predictions and weights of the runs; a diverged run has no predictions."""
        for run, answers, weights in zip(self.runs, trained.predictions(), trained.weights(), strict=True):
            if not self._has_diverged(run):
                self._predictions[run.key] = packed(answers, compressed=True)
            if run.keep_weights == "on":
                self._weights[run.key] = packed(weights)

    def _has_diverged(self, run: RunSpec) -> bool:
        points = self._curves[run.key]
        return bool(points) and not math.isfinite(points[-1].metrics[0])

    def _is_at_its_end(self) -> bool:
        return self._course.step == self.runs[0].steps or all(self._has_diverged(run) for run in self.runs)

    def results(self, over: bool) -> list[RunResult]:
        """Return the result of every run so far; `over`: the bucket has come to its end."""
        return [self._result(run, over) for run in self.runs]

    def _result(self, run: RunSpec, over: bool) -> RunResult:
        points, counts = self._curves[run.key], count(run)
        state = (RunState.DIVERGED if self._has_diverged(run) else RunState.FINISHED) if over else RunState.RUNNING
        return RunResult(
            spec=run,
            state=state,
            steps=tuple(point.step for point in points),
            metrics={name: tuple(p.metrics[i] for p in points) for i, name in enumerate(METRICS)},
            point_seconds=tuple(self._point_seconds),
            params=counts.params,
            params_non_embedding=counts.params_non_embedding,
            train_flops=train_flops(run),
            seconds=self._seconds / len(self.runs),
            device=self._device_name,
            predictions=self._predictions.get(run.key, b""),
            weights=self._weights.get(run.key, b""),
        )
