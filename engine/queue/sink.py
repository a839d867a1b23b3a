"""What a worker needs of the place where its results go."""

from collections.abc import Sequence
from typing import Protocol

from engine.spec.result import RunResult
from engine.spec.run import RunSpec


class Sink(Protocol):
    """Where results go; the store's spool is one."""

    def unsettled(self, runs: Sequence[RunSpec]) -> list[RunSpec]:
        """Return the runs that have no result yet."""

    def put(self, results: Sequence[RunResult]) -> None:
        """Store results for good; they are safe when this returns."""

    def show(self, results: Sequence[RunResult]) -> None:
        """Replace what other processes see of this worker's runs in training."""
