"""How many steps a budget of compute pays for."""

from engine.spec.knob import knobs_of
from engine.spec.settings import Settings


def steps(budget: float, flops_per_step: int) -> int:
    """Return how many steps come closest to `budget` training FLOPs: one at least.

    Raises: ValueError: for a budget that pays for more steps than there may be.
    """
    found, most = round(budget / flops_per_step), int(knobs_of(Settings)["steps"].high)
    if found > most:
        raise ValueError(
            f"budget={budget:g} is not possible; allowed: a number from 0 to {most * flops_per_step:g} for steps of "
            f"{flops_per_step:g} FLOPs each."
        )
    return max(found, 1)
