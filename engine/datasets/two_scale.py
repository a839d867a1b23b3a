"""Linear regression on many fast features and a few slow ones: fast ones are overfitted while slow ones are learned.

Only the targets of the training pool are noisy.

Source: M. Pezeshki et al., "Multi-scale feature learning dynamics: insights for double descent", arXiv:2112.03215.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, sampling, standardised
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION, TEST = 2_000, 500, 2_000
FAST, SLOW = 110, 10
"""Features of deviation 1, and of deviation `slow_scale`."""

FAST_SIGNAL, SLOW_SIGNAL = 2.0, 1.0
"""Deviations of what the two kinds of features contribute to the target."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: x (n, 120) normal, the slow features last; y linear in x.

    The pool's targets alone have noise. All targets are standardised by those of the pool.
    """
    rng, scale = sampling(data_seed), options["slow_scale"]
    x = rng.standard_normal((TRAIN + VALIDATION + TEST, FAST + SLOW))
    fast, slow = rng.standard_normal(FAST), rng.standard_normal(SLOW)
    weights = np.concatenate([FAST_SIGNAL * fast / np.linalg.norm(fast), SLOW_SIGNAL * slow / np.linalg.norm(slow)])
    y = x @ weights
    y[:TRAIN] += options["target_noise"] * rng.standard_normal(TRAIN)
    x[:, FAST:] *= scale  # a slow feature is small and has a large weight, which takes many steps to grow
    return cut(x, standardised(y[:, None], np.arange(TRAIN)), TRAIN, VALIDATION)


TASK = Task(shape=(FAST + SLOW,), outputs=1, max_size=TRAIN, loss="mse")
DATASET = Dataset(
    title=_("Fast and slow features (linear regression)"),
    task=lambda options: TASK,
    load=load,
    knobs=(
        Knob(
            name="slow_scale",
            kind=float,
            default=0.1,
            label=_("Slow scale"),
            help=_("Deviation of the {slow} slow features; that of the {fast} fast ones is 1.", slow=SLOW, fast=FAST),
            group="Data",
            low=0.0,
            above=True,
            high=1.0,
        ),
        Knob(
            name="target_noise",
            kind=float,
            default=0.3,
            label=_("Target noise"),
            help=_(
                "Standard deviation of Gaussian noise on training targets, where the fast features contribute "
                "{fast:g} and the slow ones {slow:g}.",
                fast=FAST_SIGNAL,
                slow=SLOW_SIGNAL,
            ),
            group="Data",
            low=0.0,
            high=10.0,
        ),
    ),
)
