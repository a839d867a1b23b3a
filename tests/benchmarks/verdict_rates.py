"""How often verdicts are wrong, and how often they see what is there: `python tests/benchmarks/verdict_rates.py`.

Per claim, kind of curve and number of seeds: of a hundred, how many were called supported, and how many not supported.
Of noise at most 5 should be called supported, of effects at least 90. Takes some minutes.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from tests.engine.verdicts.laws_and_jumps import MORE
from tests.engine.verdicts.scenarios import SCENARIOS, Scenario

TIMES, SLOW = 1000, 100
"""Draws of each; of power laws, which are fitted, SLOW."""


def main(only: str = "") -> None:
    """Evaluate every scenario and print the shares."""
    print(f"{'claim':24}{'curves':52}{'seeds':>6}{'supported':>11}{'not':>7}")
    for one in (*SCENARIOS, *MORE):
        if only in one.claim:
            for seeds in one.seeds:
                _print(one, seeds)


def _print(one: Scenario, seeds: int) -> None:
    begin = time.monotonic()
    answers = one.answers(seeds, SLOW if one.claim == "power-law" else TIMES)
    shares = [100 * answers.count(answer) / len(answers) for answer in ("supported", "not supported")]
    wrong = shares[0] < 90 if one.effect else shares[0] > 5
    kind = f"{'effect' if one.effect else 'noise'}: {one.name}"
    mark = "  <- wrong" if wrong else ""
    seconds = f"{time.monotonic() - begin:.0f} s"
    print(f"{one.claim:24}{kind:52}{seeds:6}{shares[0]:9.1f} %{shares[1]:5.1f} %  {seconds}{mark}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
