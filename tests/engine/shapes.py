"""Small data sets of every shape of example, beside those that ship: what a new one may look like."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.spec.task import Dataset, Split, Task

SHAPES = {
    "features": Task(shape=(3,), outputs=2, max_size=40),
    "signal": Task(shape=(2, 9), outputs=3, max_size=40),
    "image": Task(shape=(3, 9, 5), outputs=3, max_size=40),
    "tokens": Task(shape=(4,), outputs=3, max_size=40, tokens=5),
}


def dataset(name: str) -> Dataset:
    """Return random examples of the shape `name`, with classes that nothing explains."""
    task = SHAPES[name]

    def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
        random = np.random.Generator(np.random.Philox(key=[data_seed, 1]))

        def split(count: int) -> Split:
            shape = (count, task.inputs)
            x = random.integers(0, task.tokens, shape) if task.tokens else random.standard_normal(shape)
            return Split(x=x.astype(np.float64), y=random.integers(0, task.outputs, count))

        return split(task.max_size), split(20), split(20)

    return Dataset(title=name, task=lambda options: task, load=load)
