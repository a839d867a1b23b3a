"""Arithmetic modulo p on all pairs of numbers: models first learn it by heart, and understand it long after that.

Source: A. Power et al., "Grokking: generalization beyond overfitting on small algorithmic datasets", arXiv:2201.02177.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.splits import cut, sampling
from engine.spec.knob import Knob
from engine.spec.task import Dataset, Split, Task

OPERATIONS = ("add", "subtract", "multiply", "divide")
VALIDATION = TEST = 0.1
"""Shares of all pairs; the other 80 % can be trained on."""


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test: tokens (a, b), class a ∘ b mod p, every pair once.

    A pair and its mirror image (b, a) are two pairs, as in the source; division leaves b = 0 out.
    """
    p, operation = options["modulus"], options["operation"]
    a, b = np.divmod(np.arange(p * p), p)
    if operation == "divide":
        a, b = a[b > 0], b[b > 0]
    order = sampling(data_seed).permutation(len(a))
    train, validation = _sizes(options)
    return cut(np.stack([a, b], axis=1)[order], answer(a, b, operation, p)[order], train, validation)


def answer(a: np.ndarray, b: np.ndarray, operation: str, p: int) -> np.ndarray:
    """Return a ∘ b mod p; dividing by b is multiplying by its inverse, b^(p−2) for a prime p (Fermat)."""
    if operation == "add":
        return np.asarray((a + b) % p)
    if operation == "subtract":
        return np.asarray((a - b) % p)
    inverse = np.array([pow(i, p - 2, p) for i in range(p)])
    return np.asarray((a * (inverse[b] if operation == "divide" else b)) % p)


def task(options: Mapping[str, Any]) -> Task:
    """Return two of p tokens in, one of p classes out.

    Raises: ValueError: for a modulus that is not prime, with which division has no answer.
    """
    p = options["modulus"]
    if any(p % d == 0 for d in range(2, int(p**0.5) + 1)):
        below = next(q for q in range(p, 1, -1) if all(q % d for d in range(2, int(q**0.5) + 1)))
        raise ValueError(_("modulus={p} is not possible; allowed: a prime, e.g. {prime}.", p=p, prime=below))
    return Task(shape=(2,), outputs=p, max_size=_sizes(options)[0], tokens=p)


def _sizes(options: Mapping[str, Any]) -> tuple[int, int]:
    p = options["modulus"]
    pairs = p * (p - 1) if options["operation"] == "divide" else p * p
    validation, test = round(VALIDATION * pairs), round(TEST * pairs)
    return pairs - validation - test, validation


DATASET = Dataset(
    title=_("Modular arithmetic (pairs of tokens)"),
    task=task,
    load=load,
    knobs=(
        Knob(
            name="operation",
            kind=str,
            default="add",
            label=_("Operation"),
            help=_("What is done with the two numbers; examples ÷ all pairs is the share that is trained on."),
            group="Data",
            choices=lambda: OPERATIONS,
        ),
        Knob(
            name="modulus",
            kind=int,
            default=53,
            label=_("Modulus"),
            help=_("The prime p: numbers run from 0 to p − 1, and there are p² pairs of them."),
            group="Data",
            low=5,
            high=199,
        ),
    ),
)
