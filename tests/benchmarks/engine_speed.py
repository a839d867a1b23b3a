"""Prints this engine's speed beside plain PyTorch loops: `python tests/benchmarks/engine_speed.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from engine.bench.bench import report

if __name__ == "__main__":
    sys.exit(report(None, as_json=False))
