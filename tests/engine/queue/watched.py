"""A bucket in training that is looked at: it yields as before, and what it returns is kept."""

from collections.abc import Generator

from engine.spec.result import EvalPoint
from engine.train.artifacts import Trained

Bucket = Generator[tuple[EvalPoint, ...], None, Trained]


class Watched:
    """Yields what a bucket yields; `trained` is what it returned, once it is at its end."""

    def __init__(self, training: Bucket) -> None:
        self._training = training

    def __iter__(self) -> Generator[tuple[EvalPoint, ...], None, None]:
        self.trained = yield from self._training
