"""The number of optimizer steps that a compute budget pays for."""

from engine.base.language import _
from engine.spec.knob import knobs_of
from engine.spec.settings import Settings


def steps(budget: float, flops_per_step: int) -> int:
    """Return the number of steps that comes closest to `budget` training FLOPs, at least 1.

    Raises: ValueError: for a budget that pays for more steps than are allowed.
    """
    found, most = round(budget / flops_per_step), int(knobs_of(Settings)["steps"].high)
    if found > most:
        raise ValueError(
            _(
                "budget={budget:g} is not possible; allowed: a number from 0 to {most:g} for steps of "
                "{flops_per_step:g} FLOPs each.",
                budget=budget,
                most=most * flops_per_step,
                flops_per_step=flops_per_step,
            )
        )
    return max(found, 1)
