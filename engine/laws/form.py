"""The form of a parametric law: how it predicts, where the search for its parameters starts, and what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Prediction = tuple[Array, list[Array]]
"""Values (b, rows), and their derivative (b, rows) by each parameter."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """A law with free parameters; its inputs are logs minus their mean, the `centre`."""

    name: str
    title: str
    formula: str
    """The law as people write it."""
    source: str
    inputs: tuple[str, ...]
    """Columns of the observations: n, d, unique. d and unique share one centre."""
    space: Literal["log", "linear"] = "log"
    """Whether the log of the loss is predicted and fitted, or the loss itself."""
    sums_powers: bool = False
    """Whether the law is a sum of one power of each input, with or without a floor."""
    predict: Callable[[Array, Array], Prediction]
    """(theta (b, p), x (inputs, rows)) → the prediction."""
    starts: Callable[[Array, Array], Array]
    """(x (inputs, rows), y (rows,) in `space`) → theta (starts, p) to search from."""
    estimates: Callable[[Array, Array], dict[str, Array]]
    """(theta (b, p), centre (inputs,)) → the parameters as people write them, (b,) each."""

    def values(self, theta: Array, x: Array) -> Array:
        """Return the predicted losses (b, rows)."""
        with np.errstate(over="ignore"):
            found, _ = self.predict(theta, x)
            return np.exp(found) if self.space == "log" else found


def log_sum(terms: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Return the log of a sum of exponentials, and each term's share in it."""
    highest = np.max(np.broadcast_arrays(*terms), axis=0)
    parts = [np.exp(term - highest) for term in terms]
    total = np.sum(np.broadcast_arrays(*parts), axis=0)
    return highest + np.log(total), [part / total for part in parts]


def grid(*choices: Sequence[float]) -> list[Array]:
    """Return every combination of `choices`: for each of them an array (combinations,)."""
    return [axis.ravel() for axis in np.meshgrid(*(np.asarray(c, dtype=np.float64) for c in choices), indexing="ij")]


def columns(theta: Array) -> list[Array]:
    """Return each parameter of `theta` (b, p) as (b, 1), which broadcasts with (b, rows)."""
    return [theta[:, index : index + 1] for index in range(theta.shape[1])]
