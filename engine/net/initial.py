"""The weights a run begins with."""

import numpy as np

from engine.net.count import Parameter, count
from engine.randomness import INIT, generator
from engine.spec import RunSpec


def initial_values(spec: RunSpec) -> list[np.ndarray]:
    """Return one float64 array per parameter, in the order of `count`, each drawn as its `init` says.

    Source: the defaults of torch.nn: uniform in ±1/sqrt(fan_in) for linear layers and convolutions, weights and
    biases alike, and for recurrent layers with fan_in the hidden units; normal for embeddings; 1 and 0 for norms.
    """
    random = generator(spec.seed, INIT)
    return [_drawn(parameter, random) for parameter in count(spec).parameters]


def _drawn(parameter: Parameter, random: np.random.Generator) -> np.ndarray:
    if parameter.init == "uniform":
        drawn: np.ndarray = random.uniform(-1.0, 1.0, parameter.dims) / np.sqrt(parameter.fan_in)
        return drawn
    if parameter.init == "normal":
        return random.standard_normal(parameter.dims)
    return np.full(parameter.dims, {"zeros": 0.0, "ones": 1.0}[parameter.init])
