"""How many steps a budget of compute pays for."""

import dataclasses
from typing import TYPE_CHECKING

from engine.knob import knobs_of
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.spec import RunSpec


def steps(run: "RunSpec") -> int:
    """Return how many steps of `run` come closest to its budget of training FLOPs: one at least.

    Raises: ValueError: for a budget that pays for more steps than there may be.
    """
    from engine.net.count import count  # it counts runs, which are made with the help of this

    one = dataclasses.replace(run, budget=0.0, steps=1)
    each = count(one).flops_per_example * one.batch
    found, most = round(run.budget / each), int(knobs_of(Settings)["steps"].high)
    if found > most:
        raise ValueError(
            f"budget={run.budget:g} is not possible; allowed: a number from 0 to {most * each:g} for steps of "
            f"{each:g} FLOPs each."
        )
    return max(found, 1)
