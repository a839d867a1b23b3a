"""How often 90 % intervals of planted laws hold the truth: `python tests/benchmarks/fit_coverage.py` (some minutes).

Tables of noise around a known law, each fitted with 300 bootstrap samples; about 90 in 100 intervals should hold.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from engine.laws.catalog import fit
from engine.laws.observations import Observations, observe

TABLES, SAMPLES = 200, 300


def main() -> None:
    """Fit every table of every law and print the shares."""
    for law, (make, truth) in PLANTED.items():
        held = dict.fromkeys(truth, 0)
        for number in range(TABLES):
            found = fit(law, make(np.random.default_rng(number)), bootstrap=SAMPLES, seed=number).intervals
            for name, value in truth.items():
                held[name] += found[name][0] <= value <= found[name][1]
        print(f"{law:14}" + "".join(f"{name:>8} {100 * count / TABLES:5.1f} %" for name, count in held.items()))


def _sizes(chance: np.random.Generator, noise: float, law: Callable[[np.ndarray], np.ndarray]) -> Observations:
    """Ten sizes over three decades, three seeds each."""
    n = np.repeat(np.geomspace(1e3, 1e6, 10), 3)
    return observe(n, law(n) * np.exp(chance.normal(0, noise, len(n))))


def _joint(chance: np.random.Generator) -> Observations:
    """A hundred runs, their sizes and data over three decades each."""
    n, d = (np.exp(chance.uniform(np.log(low), np.log(1e3 * low), 100)) for low in (1e6, 1e8))
    loss = 1.7 + 400 * n**-0.34 + 410 * d**-0.28
    return observe(n, loss * np.exp(chance.normal(0, 0.005, 100)), d=d)


PLANTED: dict[str, tuple[Callable[[np.random.Generator], Observations], dict[str, float]]] = {
    "power": (lambda chance: _sizes(chance, 0.02, lambda n: 300 * n**-0.2), {"A": 300, "alpha": 0.2}),
    "power-offset": (
        lambda chance: _sizes(chance, 0.01, lambda n: 1.5 + 300 * n**-0.5),
        {"E": 1.5, "A": 300, "alpha": 0.5},
    ),
    "chinchilla": (_joint, {"E": 1.7, "A": 400, "B": 410, "alpha": 0.34, "beta": 0.28}),
}

if __name__ == "__main__":
    main()
