"""Prints the wall time of the opening preset, trained from nothing: `python tests/benchmarks/opening_preset.py`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Train the preset with its own seeds in an empty store, and its control, and print seconds and curves."""
    for title, changes in (("20 % wrong labels", []), ("no wrong labels", ["--set", "label_noise=0"])):
        with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as nothing:
            answer = subprocess.run(
                [sys.executable, "-m", "engine", "sweep", "digits-double-descent", *changes, "--json"],
                cwd=ROOT,
                env=os.environ | {"SCALESCOPE_HOME": home, "SCALESCOPE_GALLERY": nothing},
                stdout=subprocess.PIPE,
                check=True,
            )
        found = json.loads(answer.stdout)
        print(f"{title}: {found['trained']} runs in {found['seconds']:.1f} s (predicted {found['predicted_seconds']})")
        for width in sorted({run["width"] for run in found["runs"]}):
            runs = [run for run in found["runs"] if run["width"] == width]
            train, test, loss = (
                sum(run[name] for run in runs) / len(runs) for name in ("train_error", "test_error", "test_loss")
            )
            print(f"  width {width:4d}: train error {train:.3f}, test error {test:.3f}, test loss {loss:.3f}")


if __name__ == "__main__":
    main()
