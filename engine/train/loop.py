"""Trains one bucket of runs and yields what it measures; no files, no globals."""

import math
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from engine.data.rng import ORDER_CHUNK, ORDER_NUMBERS
from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.kernel.kernel import Kernel
from engine.net.reader import Reader, Resumable
from engine.spec.result import EvalPoint
from engine.spec.run import RunSpec
from engine.train.artifacts import Trained
from engine.train.batch_order import BatchOrders
from engine.train.evaluate import measure

POINTS_PER_DECADE = 12
"""Eval points per factor of ten in steps; evaluation then costs a few per cent of long training with large batches."""

EVAL_SHARE, SPLITS, LEAST_EVAL_EXAMPLES = 0.1, 3, 400
"""Share of the time that evaluation may take, the splits, and the examples of each below which it may take more."""

PULSE = 0.1
"""Seconds after which train() yields even with nothing measured, so that its caller can pause or stop it."""


def eval_steps(steps: int) -> tuple[int, ...]:
    """Return the steps after which a run is measured: 0, then log-spaced, the last always among them."""
    count = round(POINTS_PER_DECADE * math.log10(steps)) + 1 if steps > 1 else 1
    spaced = {round(float(s)) for s in np.geomspace(1, steps, count)}
    return (0, *sorted(spaced | {steps}))


def eval_examples(run: RunSpec) -> int:
    """Return how many examples of each split are measured at eval points before the last.

    To measure an example takes about a third of what it takes to train on it once: forward, without backward.
    """
    trained = run.steps * run.batch
    affordable = int(EVAL_SHARE * 3 * trained / len(eval_steps(run.steps)) / SPLITS)
    return run.eval_examples or max(affordable, LEAST_EVAL_EXAMPLES)


def order_chunk(runs: tuple[RunSpec, ...]) -> int:
    """Return for how many steps examples are drawn at a time."""
    return max(1, min(ORDER_CHUNK, ORDER_NUMBERS // (len(runs) * runs[0].batch)))


def reader_of(run: RunSpec, device: str, dtype: torch.dtype = torch.float32) -> type[Reader]:
    """Return what trains runs of this shape fastest on this machine, whoever their bucket-mates are."""
    if device == "cpu" and Kernel.supports(run, dtype):
        return Kernel
    return Batched


@dataclass(frozen=True, kw_only=True)
class State:
    """All that a bucket in training needs to resume, bit for bit on a CPU."""

    step: int
    """Steps taken."""
    arrays: Mapping[str, np.ndarray]
    """(models, …) by name: what the reader's steps change, and `orders`, where the batch orders were."""

    def of(self, models: Sequence[int]) -> "State":
        """Return a copy for some of the models alone."""
        return State(step=self.step, arrays={name: array[list(models)] for name, array in self.arrays.items()})


@dataclass(kw_only=True)
class Course:
    """The progress of train() at every yield, beside the points; with a `start`, the state it begins from."""

    start: State | None = None
    step: int = 0
    """Steps taken."""
    model: Reader | None = field(default=None, init=False)
    position: np.ndarray | None = field(default=None, init=False)
    """Position of the batch orders, at or a little before `step`."""

    def state(self) -> State:
        """Return the state at the last yield, valid until the next: except on a GPU, arrays are the model's own."""
        assert isinstance(self.model, Resumable)
        assert self.position is not None
        tensors = self.model.changing()
        arrays = {name: values.detach().cpu().numpy() for name, values in tensors.items()}
        return State(step=self.step, arrays=arrays | {"orders": self.position})

    def begin(self, model: Reader, orders: BatchOrders) -> bool:
        """Set a model and its batch orders to the start, where there is one; return whether there is."""
        self.model, self.position, start = model, orders.position(), self.start
        if start is None:
            return False
        assert isinstance(model, Resumable)
        self.step, self.position, self.start = start.step, start.arrays["orders"], None
        model.resume(start.arrays, self.step)
        orders.go_to(self.position, self.step)
        return True


def train(
    runs: tuple[RunSpec, ...],
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    reader: type[Reader] | None = None,
    course: Course | None = None,
) -> Generator[tuple[EvalPoint, ...], None, Trained]:
    """Train `runs`, all of one shape, and yield an EvalPoint per run at each of `eval_steps`; return the models.

    About every PULSE seconds between them it yields an empty tuple. Not asking for the next is a pause,
    and never asking again a stop. A run's points depend on its spec alone, whatever else is in `runs`.
    With a `course` that has a start, it goes on from there: it yields an empty tuple, then the points that are left.
    """
    course = course or Course()
    data = DeviceData.of(runs, device, dtype)
    model = (reader or reader_of(runs[0], device, dtype))(runs, data)
    orders = BatchOrders(runs, device)
    some = data.first(eval_examples(runs[0]))
    goes_on, step = course.begin(model, orders), course.step
    yield () if goes_on else measure(runs, model, some, 0)
    stretch, rows = _Stretch(), torch.empty(0)
    for target in eval_steps(runs[0].steps):
        if target <= step:
            continue
        while step < target:
            if not len(rows):
                course.position = orders.position()
                chunk = min(order_chunk(runs), runs[0].steps - step)
                rows = torch.from_numpy(orders.take(chunk))
                if device != "cpu":  # from pinned memory, so that nothing waits for the GPU
                    rows = rows.pin_memory().to(device, non_blocking=True)
            now, rows = rows.split([taken := min(stretch.steps(), target - step, len(rows)), len(rows) - taken])
            model.steps(now, step + 1)
            course.step = step = step + taken
            if stretch.took(taken) and step < target:
                yield ()
                stretch.begin()
        yield (points := measure(runs, model, data if step == runs[0].steps else some, step))
        if not any(math.isfinite(point.metrics[0]) for point in points):
            break  # every run has diverged
        stretch.begin()
    return Trained(runs=runs, model=model, data=data)


class _Stretch:
    """Says how many steps fit into the rest of a pulse, from the time that steps have taken."""

    def __init__(self) -> None:
        self._per_step = math.inf
        self.begin()

    def begin(self) -> None:
        """Begin a pulse."""
        self._began = self._last = time.perf_counter()

    def steps(self) -> int:
        """Return how many steps to take at once; the first is alone, to be timed."""
        left = PULSE - (self._last - self._began)
        return max(1, int(min(left / self._per_step, ORDER_CHUNK)))

    def took(self, steps: int) -> bool:
        """Record that `steps` have been taken; return whether the pulse is over."""
        now = time.perf_counter()
        self._per_step = max((now - self._last) / steps, 1e-9)
        self._last = now
        return now - self._began > PULSE
