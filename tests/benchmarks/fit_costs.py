"""Fits the constants of plan, memory and checkpoint to this machine again: `python tests/benchmarks/fit_costs.py`.

It prints what it fits beside what the code has, and how far either is from what was measured; the code stays as it is.
It begins nothing after BUDGET_SECONDS, so all of it takes less than three minutes; seeds are fixed. What trains is
timed by the processor's clock on one thread. RESULT_BYTES comes from `python tests/benchmarks/many_runs.py`.

Printed on two cores of an AMD EPYC that other programs kept busy: what trains took 1.8 to 2.5 times the predicted time;
with that one factor 60 to 71 % of each fit's times were right within 30 %, with constants fitted there 68 to 88 %.
WORKER_BYTES 401 MB (in the code 319), LIBRARY_BYTES 13.8 MB (12.6), TORCH_BYTES 40.7 MB (67.1); BYTES_PER_SECOND 1.27e8
(2e8); EVALUATION 1.19 (1.08).
"""

import itertools
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import numpy as np
import scipy
import torch

from engine.net.batched import Batched
from engine.net.device_data import DeviceData
from engine.net.reader import Reader
from engine.plan import buckets, cost, memory
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train import checkpoint
from engine.train.batch_order import BatchOrders
from engine.train.evaluate import measure
from engine.train.loop import State, order_chunk, reader_of, train
from tests.benchmarks import memory_use

ROOT = Path(__file__).parents[2]

BUDGET_SECONDS, GROUP_SECONDS, TIMING_SECONDS = 130.0, 15.0, 0.05
"""After which nothing more is begun; for all timings of one fit; for one of them."""

SEED = 0
"""Of the order in which shapes are timed."""

RATES = ("model", "activation", "FLOP", "parameter", "input")
"""What plan's rates are of, in microseconds."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Constants of plan that are fitted together."""

    title: str
    names: tuple[str, ...]
    constants: tuple[float, ...]
    """As the code has them."""
    put: Callable[[Sequence[float] | np.ndarray], dict[str, Any]]
    """Attributes of plan that hold such constants."""
    grid: dict[str, tuple[object, ...]]
    """Settings of the shapes."""
    models: tuple[int, ...] = (3,)
    reader: type[Reader] | None = None

    def buckets(self) -> list[tuple[RunSpec, ...]]:
        """Return a bucket of each shape, in the order in which they are timed."""
        values = itertools.product(*self.grid.values(), self.models)
        settings = [dict(zip((*self.grid, "models"), each, strict=True)) for each in values]
        random.Random(SEED).shuffle(settings)
        return [_bucket(each) for each in settings]

    def predicted(self, constants: Sequence[float] | np.ndarray, buckets: Sequence[tuple[RunSpec, ...]]) -> np.ndarray:
        """Return the seconds of one step of every bucket that plan predicts with such constants."""
        with patch.multiple(cost, **self.put(constants)):
            return np.array([cost.bucket_seconds(runs) / (runs[0].steps * cost.EVALUATION) for runs in buckets])

    def fitted(self, buckets: Sequence[tuple[RunSpec, ...]], seconds: np.ndarray) -> np.ndarray:
        """Return the constants ≥ 0 whose predictions have the least squares of relative errors."""
        columns = np.stack([self.predicted(one, buckets) for one in np.eye(len(self.names))], axis=1)
        scales = columns.max(axis=0)
        return np.asarray(scipy.optimize.nnls(columns / scales / seconds[:, None], np.ones(len(seconds)))[0] / scales)


KERNEL_GRID: dict[str, tuple[object, ...]] = {
    "width": (2, 16, 64, 256, 512),
    "depth": (1, 3),
    "batch_size": (32, 256),
    "dataset": ("digits", "moons"),
}
ON_GRIDS: dict[str, tuple[object, ...]] = {
    "width": (2, 8, 32, 64),
    "depth": (1, 2),
    "batch_size": (32, 128),
    "dataset": ("digits", "moons", "mnist1d"),
}
ON_STEPS = ON_GRIDS | {"width": (2, 8, 32, 128)}
MODULAR = {"dataset": ("digits", "moons", "mnist1d", "modular")}


def _rates_of(archs: Sequence[str], constants: Sequence[float] | np.ndarray) -> dict[str, Any]:
    return {"KERNEL_OF": dict.fromkeys(archs, tuple(constants))}


FITS = (
    Fit(
        title="STEP, STEP_PER_LAYER, BATCHED",
        names=("step", "layer", *RATES),
        constants=(cost.STEP, cost.STEP_PER_LAYER, *cost.BATCHED),
        put=lambda c: {"STEP": c[0], "STEP_PER_LAYER": c[1], "BATCHED": tuple(c[2:]), "compiler": lambda: None},
        grid=KERNEL_GRID | {"width": (4, 64, 256)},
        models=(1, 8, 32),
        reader=Batched,
    ),
    Fit(title="KERNEL", names=RATES, constants=cost.KERNEL, put=lambda c: {"KERNEL": tuple(c)}, grid=KERNEL_GRID),
    *(
        Fit(
            title=f"KERNEL_OF {', '.join(archs)}",
            names=RATES,
            constants=cost.KERNEL_OF[archs[0]],
            put=partial(_rates_of, archs),
            grid={"arch": archs, **grid},
        )
        for archs, grid in ((("cnn",), ON_GRIDS), (("gru", "lstm"), ON_STEPS), (("transformer",), ON_STEPS | MODULAR))
    ),
)


def step_seconds(runs: tuple[RunSpec, ...], reader: type[Reader] | None = None) -> float:
    """Return the least processor seconds of one step of a bucket, its examples drawn as in training."""
    data, orders = DeviceData.of(runs, "cpu", torch.float32), BatchOrders(runs, "cpu")
    model = (reader or reader_of(runs[0], "cpu"))(runs, data)
    least, spent, step, portion = np.inf, 0.0, 0, 1
    while spent < TIMING_SECONDS or step < 6:
        start = time.process_time()
        model.steps(torch.from_numpy(orders.take(portion)), step + 1)
        took = max(time.process_time() - start, 1e-6)
        if step > 1:  # the first ones were to warm up
            least = min(least, took / portion)
        spent, step = spent + took, step + portion
        portion = max(1, min(order_chunk(runs), int(TIMING_SECONDS / 5 * portion / took)))
    return least


def misfit(predicted: np.ndarray, measured: np.ndarray) -> str:
    """Return in words how far predictions are from what was measured, also where one factor corrects them all."""
    ratios = measured / predicted
    factor = float(np.median(ratios))
    right = [100 * float(np.mean((r > 1 / 1.3) & (r < 1.3))) for r in (ratios, ratios / factor)]
    return f"{right[0]:3.0f} % within 30 %; with all × {factor:.2f}: {right[1]:3.0f} %"


def main() -> None:
    """Print every constant as the code has it and as this machine gives it."""
    torch.set_num_threads(1)
    begun = time.perf_counter()
    for fit in FITS:
        _print_fit(fit)
    print(f"\n{'one constant each':34}{'code':>12}{'here':>12}")
    for name, (in_code, here) in SINGLE.items():
        late = time.perf_counter() - begun > BUDGET_SECONDS
        print(f"{name:34}{in_code:12.4g}{'no time left' if late else f'{here():.4g}':>12}", flush=True)
    print(f"\n{time.perf_counter() - begun:.0f} s")


def _bucket(settings: dict[str, Any]) -> tuple[RunSpec, ...]:
    models = settings.pop("models")
    return SweepSpec.of({"steps": 1000, "dataset_size": 500, **settings, "seed": tuple(range(models))}).runs()


def _print_fit(fit: Fit) -> None:
    timed: list[tuple[RunSpec, ...]] = []
    seconds: list[float] = []
    end = time.perf_counter() + GROUP_SECONDS
    for runs in fit.buckets():
        if time.perf_counter() > end and len(timed) > 2 * len(fit.names):
            break
        timed.append(runs)
        seconds.append(step_seconds(runs, fit.reader))
    measured = np.array(seconds)
    print(f"\n{fit.title}: {len(timed)} timings\n{'':8}" + "".join(f"{name:>11}" for name in fit.names))
    for word, constants in (("code", fit.constants), ("here", fit.fitted(timed, measured).tolist())):
        numbers = "".join(f"{constant:11.3g}" for constant in constants)
        print(f"{word:8}{numbers}   {misfit(fit.predicted(constants, timed), measured)}", flush=True)


def _augmentation(name: str) -> float:
    """Return the microseconds that a setting adds per input number of a batch."""
    asked: dict[str, Any] = {"seed": tuple(range(16)), "steps": 1000}
    plain, more = (SweepSpec.of(asked | own).runs() for own in ({}, {name: 1 if name == "shift" else 0.5}))
    numbers = len(more) * more[0].batch * more[0].task.inputs
    return (step_seconds(more, Batched) - step_seconds(plain, Batched)) * 1e6 / numbers


def _with_evaluation(width: int) -> float:
    """Return what training takes, evaluation included, over what its steps take."""
    evaluating = 0.0

    def timed(*given: Any) -> Any:
        nonlocal evaluating
        start = time.process_time()
        found = measure(*given)
        evaluating += time.process_time() - start
        return found

    runs = SweepSpec.of({"width": width, "steps": 3000, "seed": (0, 1, 2)}).runs()
    begun = time.process_time()
    with patch("engine.train.loop.measure", timed):
        for _ in train(runs):
            pass
    whole = time.process_time() - begun
    return whole / (whole - evaluating)


def _wide() -> float:
    torch.set_num_threads(1)
    return min(step_seconds(SweepSpec.of({"width": 256, "depth": 3, "seed": (0, 1, 2)}).runs()) for _ in range(3))


def _shared() -> float:
    """Return the seconds of one step where every worker takes such steps, over those of one worker alone."""
    workers = buckets.worker_count()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        alone = pool.submit(_wide).result()
        return statistics.mean(each.result() for each in [pool.submit(_wide) for _ in range(workers)]) / alone


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def _start_seconds() -> float:
    """Return the seconds from the start of a process until it has taken its first step."""
    start = time.perf_counter()
    loads = "import engine.queue.worker\nfrom engine.train.bucket import RunSpec, train\n"
    _said(f"{loads}for _ in train((RunSpec(steps=1, width=2),)): pass")
    return time.perf_counter() - start


def _worker_bytes() -> float:
    """Return the bytes of a process that has loaded what a worker loads."""
    loads = "import engine.commands.main, engine.queue.worker, sklearn.datasets, store.home, store.results.spool\n"
    return float(_said(loads + "from engine.plan import memory\nprint(memory.resident())"))


def _library_bytes() -> float:
    ((estimate, peak),) = memory_use.measured(SMALL)
    return peak - estimate + memory.LIBRARY_BYTES


def _torch_bytes() -> float:
    """Return what training without the kernel takes beside the estimate's other parts."""
    ((estimate, peak),) = memory_use.measured(SMALL | {"width_rule": "mup"})
    return peak - estimate + memory.TORCH_BYTES


def _bytes_per_second() -> float:
    """Return how fast a checkpoint of 64 MiB is written, in the folder for temporary files."""
    weights = np.random.default_rng(SEED).standard_normal((8, 2**21), dtype=np.float32)
    state = checkpoint.Checkpoint(
        keys=("0",) * len(weights),
        state=State(step=1, arrays={"weights": weights}),
        steps=(0,),
        metrics=np.zeros((len(weights), 1, 1)),
        point_seconds=(0.0,),
        seconds=1.0,
    )
    with tempfile.TemporaryDirectory() as folder:
        rates = []
        for _ in range(3):
            start = time.perf_counter()
            checkpoint.write(Path(folder) / "one.checkpoint", state, "fit_costs")
            rates.append(weights.nbytes / (time.perf_counter() - start))
    return statistics.median(rates)


SMALL: dict[str, Any] = {"dataset": "moons", "width": 2, "steps": 20}
SINGLE: dict[str, tuple[float, Callable[[], float]]] = {
    "memory.WORKER_BYTES": (memory.WORKER_BYTES, _worker_bytes),
    "memory.LIBRARY_BYTES": (memory.LIBRARY_BYTES, _library_bytes),
    "memory.TORCH_BYTES": (memory.TORCH_BYTES, _torch_bytes),
    "checkpoint.BYTES_PER_SECOND": (checkpoint.BYTES_PER_SECOND, _bytes_per_second),
    **{f"cost.AUGMENTATION {name}": (rate, partial(_augmentation, name)) for name, rate in cost.AUGMENTATION.items()},
    "cost.EVALUATION": (cost.EVALUATION, lambda: statistics.median(map(_with_evaluation, (4, 32, 128)))),
    "cost.SHARED": (cost.SHARED, _shared),
    "cost.WORKER_START": (cost.WORKER_START, lambda: min(_start_seconds() for _ in range(2))),
}
"""Value in the code, and what measures it here."""


if __name__ == "__main__":
    main()
