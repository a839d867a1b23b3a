"""Runs a command again and again while every core is busy with something else: no test may fail for lack of time.

`python -m tests.under_load TIMES COMMAND…`; `make test-under-load` does it with the daily tests.
"""

import os
import subprocess
import sys
import time

BUSY = "while True: pass"


def main(times: int, command: list[str]) -> int:
    """Run the command so often; return 1 where it failed once."""
    failed = 0
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(os.cpu_count() or 1)]
    try:
        for number in range(1, times + 1):
            begin = time.monotonic()
            code = subprocess.run(command, check=False).returncode
            failed += code != 0
            print(f"Run {number} of {times}: {'failed' if code else 'passed'} in {time.monotonic() - begin:.0f} s")
    finally:
        for process in busy:
            process.kill()
            process.wait()
    print(f"{times - failed} of {times} runs passed while {len(busy)} cores were busy.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
