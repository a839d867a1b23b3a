"""Prints time and memory of a sweep of 10,000 small runs: `python tests/benchmarks/many_runs.py`."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent.parent
SWEEP = {"dataset": "moons", "dataset_size": "100", "width": "2,3,4,5", "steps": "50", "seed": "0..2499"}
EVERY = 0.2
"""Seconds between two looks at the memory."""


def main() -> None:
    """Train the sweep in an empty store and print seconds, and the most memory of the command line and its workers."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as nothing:
        settings = [word for name, text in SWEEP.items() for word in ("--set", f"{name}={text}")]
        command = [sys.executable, "-m", "engine", "sweep", "moons-overfitting", *settings, "--json"]
        environment = os.environ | {"SCALESCOPE_HOME": home, "SCALESCOPE_GALLERY": nothing}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        most, over = defaultdict[int, int](int), threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, most, over))
        watch.start()
        answer = json.loads(process.communicate()[0])
        over.set()
        watch.join()
    own = most.pop(process.pid)
    print(f"{answer['trained']:,} runs in {answer['seconds']:.0f} s")
    print(f"command line {own / 2**20:,.0f} MB, workers {', '.join(f'{b / 2**20:,.0f}' for b in most.values())} MB")
    print(f"all together at most {(own + sum(most.values())) / 2**30:.2f} GiB")


def _watch(root: int, most: dict[int, int], over: threading.Event) -> None:
    """Keep the most resident bytes of process `root` and of all below it."""
    while not over.wait(EVERY):
        with suppress(psutil.Error):  # it has just ended
            for process in (psutil.Process(root), *psutil.Process(root).children(recursive=True)):
                with suppress(psutil.Error):
                    most[process.pid] = max(most[process.pid], process.memory_info().rss)


if __name__ == "__main__":
    main()
