"""What verdicts are measured on: for each claim curves of noise alone, and curves with effects that were published or
measured, with the spread that seeds had.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.verdicts import double_descent, grokking, jump, overfitting, power_law
from engine.verdicts.series import Series, series_of
from engine.verdicts.verdict import Verdict
from tests.engine.verdicts.planted import (
    DESCENT,
    DIGITS,
    TRAINED,
    WIDTHS,
    Array,
    Draw,
    Plan,
    eval_steps,
    noisy,
    wandering,
)

Evaluate = Callable[[Series], Verdict | None]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of curve for one claim."""

    claim: str
    name: str
    effect: bool
    """Whether the claim holds of it."""
    seeds: tuple[int, ...]
    draw: Draw
    settings: Mapping[str, object]
    axis: str = "width"
    steps: tuple[int, ...] = ()

    def answers(self, seeds: int, times: int, start: int = 0) -> list[str]:
        """Return the answers to `times` draws."""
        plan = Plan.of(seeds, self.axis, **self.settings)
        found: list[str] = []
        for number in range(start, start + times):
            chance = np.random.default_rng([number, seeds])
            curves = plan.curves(self.draw(chance, seeds), self.steps)
            (series,) = series_of(plan.sweep, curves, self.axis)
            verdict = EVALUATIONS[self.claim](series)
            assert verdict is not None
            found.append(verdict.answer)
        return found


def _metric_only(series: Series) -> Verdict | None:
    """Return the verdict on the metric; where there is no jump, that there is none."""
    return jump.jumps(series)[-1]


EVALUATIONS: dict[str, Evaluate] = {
    "overfits-with-size": lambda series: overfitting.overfits(series, "test_error"),
    "double-descent-by-size": lambda series: double_descent.by_size(series, "test_error"),
    "double-descent-by-data": lambda series: double_descent.by_data(series, "test_error"),
    "double-descent-by-step": lambda series: double_descent.by_step(series, "test_error"),
    "power-law": power_law.power_law,
    "grokking": grokking.grokking,
    "sudden-jump": lambda series: jump.jumps(series)[0],
    "metric-only": _metric_only,
}
PLACE = np.linspace(0, 1, len(WIDTHS))
HUMP = np.exp(-(((PLACE - 0.55) / 0.12) ** 2))
SPREADS: dict[str, Array] = {
    "even": np.full(len(WIDTHS), 0.02),
    "heavier near the threshold": 0.01 + 0.02 * HUMP,
    "heavier at small sizes": 0.01 + 0.04 * np.exp(-4 * PLACE),
}
MEANS = {"flat": np.full(len(WIDTHS), 0.2), "falling": 0.05 + 0.2 * np.exp(-4 * PLACE)}
VALLEY = 0.15 + 0.4 * (PLACE - 0.5) ** 2
ALL, SOME = (3, 5, 10), (3, 5)


def _errors(mean: Array, spread: Array, shared: float = 0.0, train: Array = TRAINED) -> Draw:
    def draw(chance: np.random.Generator, seeds: int) -> dict[str, Array]:
        return {
            "test_error": np.abs(noisy(mean, spread, chance, seeds, shared)),
            "train_error": np.tile(train, (seeds, 1)),
            "test_loss": np.abs(noisy(5 * mean, 5 * spread, chance, seeds, shared)),
        }

    return draw


def _heavy(chance: np.random.Generator, seeds: int) -> dict[str, Array]:
    """Flat, with noise of heavy tails: Student's t of 3 degrees of freedom."""
    noise = 0.2 + 0.01 * chance.standard_t(3, (seeds, len(WIDTHS)))
    return {"test_error": np.abs(noise), "train_error": np.tile(TRAINED, (seeds, 1)), "test_loss": 5 * np.abs(noise)}


def _by_size(claim: str) -> list[Scenario]:
    made = [
        Scenario(
            claim=claim,
            name=f"{name}, spread {spread}" + (", shared" if shared else ""),
            effect=False,
            seeds=ALL,
            draw=_errors(mean, SPREADS[spread], shared),
            settings=DIGITS,
        )
        for name, mean in MEANS.items()
        for spread, shared in (*((s, 0.0) for s in SPREADS), ("even", 0.03))
    ]
    return [
        *made,
        Scenario(claim=claim, name="flat, heavy tails", effect=False, seeds=ALL, draw=_heavy, settings=DIGITS),
    ]


MOONS: dict[str, object] = {
    "dataset": "moons",
    "dataset_size": 100,
    "batch_size": 100,
    "label_noise": 0.2,
    "width": (1, 2, 4, 8, 16, 32, 64, 128),
}
U_CURVE = np.array([0.285, 0.138, 0.124, 0.119, 0.140, 0.178, 0.192, 0.197])
U_SPREAD = np.array([0.156, 0.107, 0.047, 0.047, 0.040, 0.036, 0.026, 0.017])
U_TRAINED = np.array([0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.02])
OVERFITTING = [
    *_by_size("overfits-with-size"),
    Scenario(
        claim="overfits-with-size",
        name="two moons: .119 to .197",
        effect=True,
        seeds=(10,),
        draw=_errors(U_CURVE, U_SPREAD, 0.025, U_TRAINED),  # as of the ten seeds that ship
        settings=MOONS,
    ),
]
PUBLISHED_SPREAD = np.array([0.02, 0.011, 0.012, 0.015, 0.02, 0.028, 0.025, 0.02, 0.02, 0.02, 0.026])
BY_SIZE = [
    *_by_size("double-descent-by-size"),
    Scenario(
        claim="double-descent-by-size",
        name="a valley alone",
        effect=False,
        seeds=ALL,
        draw=_errors(VALLEY, SPREADS["heavier near the threshold"]),
        settings=DIGITS,
    ),
    *(
        Scenario(
            claim="double-descent-by-size",
            name=f"digits: .169 to .295 to .151, spread {name}",
            effect=True,
            seeds=SOME,
            draw=_errors(DESCENT, spread),
            settings=DIGITS,
        )
        for name, spread in (("as published", PUBLISHED_SPREAD), (".02", SPREADS["even"]))
    ),
]
AMOUNTS = (50, 100, 150, 200, 300, 400, 600, 1000)
BY_AMOUNT = np.array([0.55, 0.40, 0.368, 0.50, 0.853, 0.45, 0.16, 0.084])
FITTED = np.array([0.0, 0.0, 0.0, 0.0, 0.005, 0.05, 0.1, 0.15])
FEWER: dict[str, object] = {"dataset": "digits", "dataset_size": AMOUNTS}
BY_DATA = [
    *(
        Scenario(
            claim="double-descent-by-data",
            name=name,
            effect=effect,
            seeds=SOME if effect else ALL,
            draw=_errors(mean, np.full(len(AMOUNTS), 0.02), train=FITTED),
            settings=FEWER,
            axis="dataset_size",
        )
        for name, mean, effect in (
            ("flat", np.full(len(AMOUNTS), 0.3), False),
            ("falling", 0.08 + 0.5 * np.exp(-4 * np.linspace(0, 1, len(AMOUNTS))), False),
            ("random features: .368 to .853 to .084", BY_AMOUNT, True),
        )
    )
]
STEPS = eval_steps(3000)
TIMES = np.array(STEPS, dtype=np.float64)
THREE: dict[str, object] = {"dataset": "digits", "label_noise": 0.2, "width": (16, 64, 256), "steps": STEPS[-1]}


def _twice(depth: Array, peak: Array, end: Array, steps: Array) -> Array:
    """Return errors (seeds, sizes, steps) from 1 down to `depth`, up to `peak`, down to `end`, each (seeds,)."""
    logs = np.log10(np.maximum(steps, 1.0))
    knots = np.array([0.0, 1.0, 2.2, 3.48])
    values = np.stack([np.ones_like(depth), depth, peak, end], axis=1)
    curves = np.stack([np.interp(logs, knots, row) for row in values])
    return np.repeat(curves[:, None], 3, axis=1)


def _epochs(chance: np.random.Generator, seeds: int) -> dict[str, Array]:
    """The exact linear model: .518 ± .114, .983 ± .358, .111 ± .026; each seed's peak is at least .06 above both."""
    depth = np.clip(chance.normal(0.518, 0.114, seeds), 0.2, 0.9)
    peak = depth + np.maximum(chance.normal(0.465, 0.25, seeds), 0.066)
    end = np.clip(chance.normal(0.111, 0.026, seeds), 0.03, None)
    return {"test_error": wandering(np.zeros((3, len(STEPS))), 0.01, chance, seeds) + _twice(depth, peak, end, TIMES)}


def _along(mean: Array, spread: float) -> Draw:
    return lambda chance, seeds: {"test_error": np.abs(wandering(np.tile(mean, (3, 1)), spread, chance, seeds))}


LOGS = np.log10(np.maximum(TIMES, 1.0)) / np.log10(TIMES[-1])
BY_STEP = [
    *(
        Scenario(
            claim="double-descent-by-step",
            name=name,
            effect=False,
            seeds=ALL,
            draw=_along(mean, spread),
            settings=THREE,
            steps=STEPS,
        )
        for name, mean, spread in (
            ("flat", np.full(len(STEPS), 0.3), 0.02),
            ("falling", 0.05 + 0.8 * np.exp(-4 * LOGS), 0.02),
            ("falling, wide", 0.05 + 0.8 * np.exp(-4 * LOGS), 0.05),
            ("a valley alone", 0.1 + 0.8 * (LOGS - 0.55) ** 2, 0.02),
        )
    ),
    Scenario(
        claim="double-descent-by-step",
        name="linear model: .52 to .98 to .11",
        effect=True,
        seeds=(5, 10),
        draw=_epochs,
        settings=THREE,
        steps=STEPS,
    ),
]
SCENARIOS = [*OVERFITTING, *BY_SIZE, *BY_DATA, *BY_STEP]
