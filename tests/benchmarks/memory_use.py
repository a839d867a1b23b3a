"""Prints the estimate of memory against what training takes: `python tests/benchmarks/memory_use.py`.

On Linux alone: it says at once the most that a process has taken, its parent not counted.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WORKLOADS: dict[str, dict[str, Any]] = {
    "mlp of width 2048": {"width": 2048, "depth": 2, "steps": 2, "dataset_size": 300},
    "mlp of width 2048, eight layers": {"width": 2048, "depth": 8, "steps": 1, "dataset_size": 300},
    "16 small mlps": {"width": 64, "seed": list(range(16)), "steps": 20},
    "cnn": {"arch": "cnn", "width": 256, "depth": 2, "steps": 1, "dataset_size": 300},
    "lstm": {"arch": "lstm", "dataset": "mnist1d", "width": 512, "steps": 1, "dataset_size": 500, "eval_examples": 50},
    "transformer": {"arch": "transformer", "dataset": "iris", "width": 512, "depth": 4, "steps": 1, "batch_size": 16},
    "larger transformer": {"arch": "transformer", "dataset": "iris", "width": 1024, "depth": 6, "steps": 1},
    "three large data sets": {"dataset": "characters", "context": 64, "width": 8, "steps": 5, "seed": [0, 1, 2]}
    | {"dataset_size": 200_000},
    "mlp without the compiled kernel": {"width": 2048, "depth": 2, "steps": 2, "dataset_size": 300, "shift": 1},
    "cnn without it": {"arch": "cnn", "width": 128, "depth": 3, "steps": 2, "shift": 1, "batch_size": 256},
    "8 cnns without it": {"arch": "cnn", "width": 8, "steps": 2, "shift": 1, "seed": list(range(8)), "batch_size": 64},
    "transformer without it": {"arch": "transformer", "width": 256, "steps": 1, "shift": 1, "batch_size": 64}
    | {"dataset_size": 300},
}
"""Settings of one bucket each."""

_CODE = r"""
import json, os, re, sys
from pathlib import Path
import torch
import engine.queue.worker
from engine.plan import memory
from engine.spec.sweep import SweepSpec
from engine.train.bucket import TrainingBucket
torch.set_num_threads(1)
peak = lambda: 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
for settings in json.loads(sys.argv[1]):
    if child := os.fork():  # begins with the peak of what is imported, once for all
        if os.waitpid(child, 0)[1]:
            os._exit(1)
        continue
    runs = SweepSpec.of({k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}).runs()
    before, training = peak(), TrainingBucket(runs, "cpu", "cpu")
    while training.advance():
        pass
    print(memory.size(runs).total, peak() - before, flush=True)
    os._exit(0)
"""


def measured(*settings: dict[str, Any]) -> list[tuple[int, int]]:
    """Train each bucket in a process of its own; return its estimate and the bytes that it took at its peak."""
    command = [sys.executable, "-c", _CODE, json.dumps(settings)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    numbers = [int(number) for number in answer.split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def main() -> None:
    """Print a line for each workload."""
    print(f"{'':32}{'estimate':>10}{'measured':>10}{'ratio':>7}")
    for name, settings in WORKLOADS.items():
        ((estimate, peak),) = measured(settings)
        print(f"{name:32}{estimate / 2**20:7.0f} MB{peak / 2**20:7.0f} MB{peak / estimate:7.2f}", flush=True)


if __name__ == "__main__":
    main()
