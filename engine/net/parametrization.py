"""How initial weights and learning rates follow the width: as PyTorch has them, or by the muP rule; without torch.

Source: G. Yang et al., "Tensor Programs V: tuning large neural networks via zero-shot hyperparameter transfer",
arXiv:2203.03466, Table 3, which has no multipliers in the network (Table 8 is the same rule with one at the output).
A model of the base width is the same under both rules.
"""

import math
from dataclasses import replace
from functools import lru_cache

from engine.spec.count import Parameter, count
from engine.spec.run import RunSpec

RATES = {
    "adamw": {"input": 0, "hidden": -1, "output": -1, "fixed": 0},
    "sgd": {"input": 1, "hidden": 0, "output": -1, "fixed": 0},
}
"""Learning rates grow as this power of the width."""

SPREADS = {"input": 0.0, "hidden": -0.5, "output": -1.0, "fixed": 0.0}
"""Deviations of initial values grow as this power of the width."""


@lru_cache(maxsize=1000)
def rate_factors(spec: RunSpec) -> tuple[float, ...]:
    """Return, for each parameter of `count`, the factor of its learning rate."""
    if spec.width_rule == "standard":
        return (1.0,) * len(count(spec).parameters)
    powers = RATES[spec.optimizer]
    return tuple(_wider(spec) ** powers[role] for role in _roles(spec))


@lru_cache(maxsize=1000)
def spread_factors(spec: RunSpec) -> tuple[float, ...]:
    """Return, for each parameter of `count`, what its initial values are of those that `init` draws for its shape."""
    if spec.width_rule == "standard":
        return (1.0,) * len(count(spec).parameters)
    own, base = count(spec).parameters, count(_base(spec)).parameters
    return tuple(
        _wider(spec) ** SPREADS[role] * spread(small, spec) / spread(parameter, spec)
        for role, parameter, small in zip(_roles(spec), own, base, strict=True)
    )


def spread(parameter: Parameter, spec: RunSpec) -> float:
    """Return the deviation of a parameter's initial values, or their largest where they are uniform.

    Source: he, normal with variance 2/fan_in: arXiv:1502.01852 §2.2; xavier, uniform with variance
    2/(fan_in + fan_out): Glorot & Bengio 2010 (AISTATS), §4.2.1.
    """
    if parameter.init != "uniform":
        return 1.0
    if spec.init == "default" or len(parameter.dims) == 1:
        return 1 / math.sqrt(parameter.fan_in)
    fan_out, fan_in = (side * math.prod(parameter.dims[2:]) for side in parameter.dims[:2])
    return {"xavier": math.sqrt(6 / (fan_in + fan_out)), "he": math.sqrt(2 / fan_in), "normal": spec.init_std}[
        spec.init
    ]


def attention_factor(spec: RunSpec, heads: int, units: int) -> float:
    """Return what multiplies the scores of a head of `units` units beside 1/sqrt(units).

    Under muP they fall as 1/units, and are as ever at the base width: Definition 4.1 of the source.
    """
    if spec.width_rule == "standard":
        return 1.0
    return math.sqrt(spec.base_width / math.gcd(heads, spec.base_width) / units)


def _wider(spec: RunSpec) -> float:
    return spec.width / spec.base_width


def _base(spec: RunSpec) -> RunSpec:
    return replace(spec, width=spec.base_width)


def _roles(spec: RunSpec) -> tuple[str, ...]:
    """Return for each parameter which of its sides grow with the width: that of its outputs ("input", and biases and
    norms), both ("hidden"), that of its inputs ("output"), or none ("fixed").
    """
    own, base = count(spec).parameters, count(_base(spec)).parameters
    return tuple(_role(*pair) for pair in zip(own, base, strict=True))


def _role(parameter: Parameter, small: Parameter) -> str:
    if parameter.embedding:  # a table: its columns are the outputs
        return "input"
    grows = [a != b for a, b in zip(parameter.dims, small.dims, strict=True)]
    outputs, inputs = grows[0], any(grows[1:])
    if outputs:
        return "hidden" if inputs else "input"
    return "output" if inputs else "fixed"
