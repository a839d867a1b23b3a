"""Steps of a bucket recorded once and played again: on a GPU a step is then one launch, not a hundred."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.spec.run import RunSpec

WARM_UP = 3
"""Steps taken before one is recorded, as libraries choose their kernels in the first ones."""


def differ_in_rows_alone(runs: Sequence[RunSpec]) -> bool:
    """Return whether the steps of `runs` use nothing that the processor draws or works out for each step."""
    drawn = any(run.dropout or run.shift or run.rotate or run.augment_noise or run.mixup for run in runs)
    changing = any(run.schedule != "constant" or run.warmup or run.width_rule != "standard" for run in runs)
    return not drawn and not changing


class Replay:
    """Takes steps that differ in nothing but their rows.

    Source: "CUDA graphs" in torch's documentation of CUDA semantics: warm up, then capture.
    """

    def __init__(self, step: Callable[[Tensor, int], None], record: Callable[[Callable[[], None]], Callable[[], None]]):
        """`step` takes rows (models, batch) and the step's number, from 1; `record` returns what plays a call again."""
        self._step, self._record = step, record
        self._play: Callable[[], None] | None = None
        self._rows = torch.empty(0)
        self._recordable, self._taken = True, 0

    @property
    def recorded(self) -> bool:
        """Whether steps are played rather than taken one kernel at a time."""
        return self._play is not None

    def steps(self, rows: Tensor, first: int) -> None:
        """Take steps on `rows` (steps, models, batch), the first of them step `first`."""
        for step, chosen in enumerate(rows, start=first):
            if self._taken >= WARM_UP and self._play is None and self._recordable:
                self._prepare(chosen, step)
            if self._play is None:
                self._step(chosen, step)
                self._taken += 1
            else:
                self._rows.copy_(chosen)
                self._play()

    def _prepare(self, rows: Tensor, step: int) -> None:
        self._rows = rows.clone()
        try:
            self._play = self._record(lambda: self._step(self._rows, step))
        except RuntimeError:  # what this model does cannot be recorded here; it trains as well without
            self._recordable = False


def cuda_graph(call: Callable[[], None]) -> Callable[[], None]:
    """Return what plays `call`'s kernels again on the GPU; recording runs none of them.

    Raises: RuntimeError: for a call that waits for the GPU or copies from the host.
    """
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        call()
    return graph.replay
