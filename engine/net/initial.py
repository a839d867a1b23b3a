"""The weights a run begins with."""

import numpy as np

from engine.net.count import count
from engine.randomness import INIT, generator
from engine.spec import RunSpec


def initial_values(spec: RunSpec) -> list[np.ndarray]:
    """Return one float64 array per parameter, in the order of `count`, uniform in ±1/sqrt(fan_in).

    Source: the default of torch.nn.Linear, weights and biases alike.
    """
    random = generator(spec.seed, INIT)
    return [random.uniform(-1.0, 1.0, p.dims) / np.sqrt(p.fan_in) for p in count(spec).parameters]
