"""The benchmark: this engine beside the loops a user would write, on this machine, in one run."""

import importlib.util
import itertools
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.pool import Pool
from typing import TypeVar

import numpy as np
import torch

from engine.base.language import _
from engine.bench.torch_baselines import best_loop, plain_loop
from engine.bench.workloads import WORKLOADS
from engine.net.device_data import DeviceData
from engine.net.reader import Reader
from engine.plan import buckets
from engine.spec.count import count
from engine.spec.run import RunSpec
from engine.spec.sweep import SweepSpec
from engine.train.batch_order import BatchOrders
from engine.train.evaluate import measure
from engine.train.loop import PULSE, eval_examples, eval_steps, order_chunk, reader_of

T = TypeVar("T")

ROUNDS = 3
"""Rounds in which the engine, the plain loop and the best loop are timed in turn; the median of each counts."""

LOOP_SECONDS = 0.25
"""Time spent on one bucket, or on one width of a plain loop, in one round."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One workload. Rates are models × steps per second over all widths, each width weighing the same."""

    name: str
    device: str
    workers: int
    models: int
    model_steps_per_sec: float
    """This engine, all workers."""
    plain_per_sec: float
    """Models × steps per second of nn.Module, DataLoader and torch.optim.Adam in one process with torch's threads."""
    best_loop_per_sec: float
    """Tensor indexing, fused Adam, one process per core with one thread each."""
    ratio_plain: float
    ratio_best_loop: float
    ratio_best_loop_worst_width: float
    """The smallest ratio of a single width."""
    peak_fraction: float
    """Useful FLOPs per second, over the measured rate of large matrix products on all workers. A CNN's may pass 1: its
    FLOPs count filters' taps that fall off the grid, which the kernel leaves out."""
    eval_share: float
    """Share of a run's time that is spent on evaluation."""
    jax_per_sec: float | None
    """One process of JAX, all seeds of a width in a jitted vmap, compiling not counted; None where it is absent."""
    ratio_jax: float | None


def report(workload: str | None, as_json: bool) -> int:
    """Measure one workload or all, and print a table, or one JSON object a line."""
    if workload is not None and workload not in WORKLOADS:
        names = ", ".join(WORKLOADS)
        raise ValueError(
            _("--workload {workload} is not known; allowed: one of {names}.", workload=workload, names=names)
        )
    for name in [workload] if workload else WORKLOADS:
        measured = _measure_workload(name)
        if as_json:
            print(json.dumps(asdict(measured)), flush=True)
            continue
        print("\n".join(_lines(measured)), flush=True)
    return 0


def _lines(measured: Measured) -> list[str]:
    """Return the table of one workload, a line per row."""
    found = asdict(measured)
    rows = [
        (_("this engine"), _("{model_steps_per_sec:12,.0f} models·steps/s", **found)),
        (_("plain PyTorch loop"), _("{plain_per_sec:12,.0f}   engine is {ratio_plain:.1f}×", **found)),
        (
            _("best plain loop"),
            _(
                "{best_loop_per_sec:12,.0f}   engine is {ratio_best_loop:.1f}×, "
                "{ratio_best_loop_worst_width:.1f}× at the worst width",
                **found,
            ),
        ),
        (
            _("jitted vmap in JAX"),
            _("{jax_per_sec:12,.0f}   engine is {ratio_jax:.1f}×", **found) if measured.ratio_jax else _("absent"),
        ),
        (_("fraction of peak"), _("{peak_fraction:12.1%}   evaluation {eval_share:.1%} of the time", **found)),
    ]
    heading = _("{name} on {device}, {workers} workers, {models} models", **found)
    return [heading, *(f"  {label:20} {text}" for label, text in rows)]


def _measure_workload(name: str) -> Measured:
    runs = SweepSpec.of(WORKLOADS[name]).runs()
    on_gpu = torch.cuda.is_available()
    device = "cuda" if on_gpu else "cpu"
    workers = 1 if on_gpu else buckets.worker_count()
    one_per_width = list({run.width: run for run in runs}.values())
    seeds = len(runs) // len(one_per_width)
    shares = [buckets.share(buckets.buckets(runs, workers), workers, w) for w in range(workers)]
    engine, plain, best, worst, peak, evaluation = [], [], [], [], [], []
    with multiprocessing.get_context("spawn").Pool(workers, _one_thread) as pool:
        _at_once(pool, _peak, [device] * workers)
        for _round in range(ROUNDS):
            timed = _at_once(pool, _engine_pass, [(share, device) for share in shares])
            engine.append(max(sum(pass_.seconds for pass_ in passes) for passes in timed))
            evaluation.append(sum(_eval_share(passes) for passes in timed) / workers)
            plain.append(seeds * sum(_seconds_a_step(plain_loop(run, device), device) for run in one_per_width))
            loops = np.mean(_at_once(pool, _best_pass, [(one_per_width, device)] * workers), axis=0)
            best.append(seeds * float(loops.sum()) / workers)
            worst.append(loops / _seconds_by_width(itertools.chain(*timed), one_per_width))
            peak.append(sum(_at_once(pool, _peak, [device] * workers)))
    step, plain_step, best_step = (statistics.median(times) for times in (engine, plain, best))
    jax_step = _jax_seconds(runs)
    flops = sum(count(run).flops_per_example * run.batch for run in runs)
    return Measured(
        name=name,
        device=torch.cuda.get_device_name(0) if on_gpu else f"cpu, {workers} cores",
        workers=workers,
        models=len(runs),
        model_steps_per_sec=len(runs) / step,
        plain_per_sec=len(runs) / plain_step,
        best_loop_per_sec=len(runs) / best_step,
        ratio_plain=plain_step / step,
        ratio_best_loop=best_step / step,
        ratio_best_loop_worst_width=float(np.median(worst, axis=0).min()),
        peak_fraction=flops / step / statistics.median(peak),
        eval_share=statistics.median(evaluation),
        jax_per_sec=jax_step and len(runs) / jax_step,
        ratio_jax=jax_step and jax_step / step,
    )


def _jax_seconds(runs: Sequence[RunSpec]) -> float | None:
    """Return the seconds in which JAX takes one step of all `runs`; None where it is not installed."""
    if importlib.util.find_spec("jax") is None:
        return None
    from engine.bench import jax_baseline

    by_width: dict[int, list[RunSpec]] = {}
    for run in runs:
        by_width.setdefault(run.width, []).append(run)
    return sum(jax_baseline.seconds_a_step(group, LOOP_SECONDS) for group in by_width.values())


def _one_thread() -> None:
    torch.set_num_threads(1)


def _at_once(pool: Pool, task: Callable[..., T], arguments: Sequence[object]) -> list[T]:
    """Run one task per worker at the same time."""
    return pool.map(task, arguments, chunksize=1)


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """One bucket on one worker."""

    width: int
    models: int
    seconds: float
    """Seconds of one step of all its models, its share of evaluation included."""
    evaluation: float
    """That share, in seconds."""


def _engine_pass(argument: tuple[list[buckets.Bucket], str]) -> list[_Pass]:
    """Return how long each bucket of this worker takes for one step of all its models."""
    share, device = argument
    passes = []
    for bucket in share:
        runs = bucket.runs
        data = DeviceData.of(runs, device, torch.float32)
        model = reader_of(runs[0], device)(runs, data)
        step = _seconds_a_chunk(model, runs, device)
        some, points = data.first(eval_examples(runs[0])), len(eval_steps(runs[0].steps))
        worth = points - 1 + _examples(data) / _examples(some)  # the last point measures all
        evaluation = worth * _seconds_an_evaluation(runs, model, some) / runs[0].steps
        passes.append(_Pass(width=runs[0].width, models=len(runs), seconds=step + evaluation, evaluation=evaluation))
    return passes


def _examples(data: DeviceData) -> int:
    return data.train.count + data.val.count + data.test.count


def _eval_share(passes: Sequence[_Pass]) -> float:
    return sum(pass_.evaluation for pass_ in passes) / sum(pass_.seconds for pass_ in passes)


def _seconds_by_width(passes: Iterable[_Pass], runs: Sequence[RunSpec]) -> list[float]:
    """Return the seconds that one step of one model takes a worker, for the width of each of `runs`."""
    of_width: dict[int, list[_Pass]] = {run.width: [] for run in runs}
    for pass_ in passes:
        of_width[pass_.width].append(pass_)
    return [sum(pass_.seconds for pass_ in made) / sum(pass_.models for pass_ in made) for made in of_width.values()]


def _seconds_an_evaluation(runs: tuple[RunSpec, ...], model: Reader, data: DeviceData) -> float:
    measure(runs, model, data, 0)  # the first lays out the data, once a bucket
    start = time.perf_counter()
    measure(runs, model, data, 0)
    return time.perf_counter() - start


def _seconds_a_chunk(model: Reader, runs: tuple[RunSpec, ...], device: str) -> float:
    """Return the mean seconds of one step of all models, their examples drawn and taken in portions as in training."""
    orders, portion = BatchOrders(runs, device), 1
    step, taken, seconds = 0, 0, 0.0
    while seconds < LOOP_SECONDS or step < 10:
        start = time.perf_counter()
        model.steps(torch.from_numpy(orders.take(portion)).to(device), step + 1)
        _wait(device)
        took = time.perf_counter() - start
        step += portion
        if step > 5:  # the first ones were to warm up
            taken, seconds = taken + portion, seconds + took
        portion = max(1, min(order_chunk(runs), int(PULSE * portion / took)))
    return seconds / taken


def _best_pass(argument: tuple[list[RunSpec], str]) -> list[float]:
    one_per_width, device = argument
    return [_seconds_a_step(best_loop(run, device), device) for run in one_per_width]


def _seconds_a_step(loop: Iterator[None], device: str) -> float:
    """Return the mean seconds of one step, after a warm-up."""
    for _step in range(5):
        next(loop)
    _wait(device)
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < LOOP_SECONDS:
        next(loop)
        steps += 1
    _wait(device)
    return (time.perf_counter() - start) / steps


def _peak(device: str) -> float:
    """Return the FLOP rate of this worker's best square matrix product in float32."""
    best = 0.0
    for size in (512, 1024) if device == "cpu" else (4096, 8192):
        a, b = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
        for _round in range(4):
            _wait(device)
            start = time.perf_counter()
            for _product in range(4):
                a @ b
            _wait(device)
            best = max(best, 4 * 2 * size**3 / (time.perf_counter() - start))
    return best


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(report(None, False))
