"""The weights a run begins with."""

import numpy as np

from engine.data.rng import INIT, generator
from engine.net.parametrization import spread, spread_factors
from engine.spec.count import Parameter, count
from engine.spec.run import RunSpec


def initial_values(spec: RunSpec) -> list[np.ndarray]:
    """Return one float64 array per parameter, in the order of `count`, drawn as the spec's `init` says.

    Source: the defaults of torch.nn: uniform in ±1/sqrt(fan_in) for linear layers and convolutions, weights and
    biases alike, and for recurrent layers with fan_in the hidden units; normal for embeddings; 1 and 0 for norms.
    """
    random = generator(spec.seed, INIT)
    factors = zip(count(spec).parameters, spread_factors(spec), strict=True)
    return [_drawn(parameter, spec, random) * factor for parameter, factor in factors]


def _drawn(parameter: Parameter, spec: RunSpec, random: np.random.Generator) -> np.ndarray:
    if parameter.init == "normal":
        return random.standard_normal(parameter.dims)
    if parameter.init != "uniform":
        return np.full(parameter.dims, {"zeros": 0.0, "ones": 1.0}[parameter.init])
    if spec.init == "default":
        drawn: np.ndarray = random.uniform(-1.0, 1.0, parameter.dims) / np.sqrt(parameter.fan_in)
        return drawn
    return _weight(parameter, spec, random) if len(parameter.dims) > 1 else np.zeros(parameter.dims)


def _weight(parameter: Parameter, spec: RunSpec, random: np.random.Generator) -> np.ndarray:
    """Return a weight whose variance follows from its shape, counted as torch.nn.init does; biases begin at 0."""
    if spec.init == "xavier":
        return random.uniform(-1.0, 1.0, parameter.dims) * spread(parameter, spec)
    return random.standard_normal(parameter.dims) * spread(parameter, spec)
