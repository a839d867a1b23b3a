"""How much memory the buckets of one worker may take together."""

from collections.abc import Sequence

from engine.base.language import _
from engine.plan import buckets, memory
from engine.plan.memory import Size
from engine.queue.locks import Claims
from engine.spec.run import RunSpec

ANYWHERE = 2**26
"""Bytes for which no worker waits: a worker itself takes more."""


class MemoryShare:
    """The memory of one worker: its share of what the machine has left, and all of it for one large run at a time."""

    def __init__(self, device: str, claims: Claims) -> None:
        self._device, self._claims = device, claims
        self._training: dict[str, Size] = {}
        """Sizes of the buckets in training, by key of their first run."""
        self._planned: list[Size] = []
        """Sizes of the buckets in training, and of those reserved since the last refresh."""
        self._share = self._all = 0.0
        self.waits = ""
        """A sentence on a run that waits for memory; "" when none does."""

    def refresh(self) -> None:
        """Measure how much memory there is now; what was reserved and does not train is free again."""
        self.waits, self._planned = "", list(self._training.values())
        if self._device == "cpu":
            left = memory.available()
            self._all = float("inf") if left is None else left + memory.resident() - memory.WORKER_BYTES
            self._share = self._all / buckets.worker_count()
        else:
            import torch

            free = torch.cuda.mem_get_info(self._device)[0]
            self._all = self._share = free + torch.cuda.memory_reserved(self._device)

    def fitting(self, runs: Sequence[RunSpec], *, alone: bool) -> list[RunSpec]:
        """Return as many of `runs`, from the first on, as may train beside what trains or is reserved.

        `alone`: nothing trains or is reserved; then a single run may take all memory of the machine, while no other
        worker has such a run.
        """
        own, shared = sum(each.own for each in self._planned), max((each.shared for each in self._planned), default=0)

        def fits(some: Sequence[RunSpec]) -> bool:
            size = self._size(some)
            return own + size.own + max(shared, size.shared) <= self._share

        found = list(runs)
        while len(found) > 1 and not fits(found):
            found = found[: len(found) // 2]
        if fits(found):
            return found
        size = self._size(found).total
        if not alone:
            return []
        if size <= ANYWHERE or (size <= self._all and self._claims.take_all_memory()):
            return found
        self.waits = _(
            "A run of width {width} needs about {needed} of memory and waits: {left} are free now.",
            width=found[0].width,
            needed=memory.words(size),
            left=memory.words(max(0.0, self._all)),
        )
        return []

    def reserve(self, runs: Sequence[RunSpec]) -> None:
        """Record that these runs are to train; this holds until the next refresh."""
        self._planned.append(self._size(runs))

    def begin(self, runs: Sequence[RunSpec]) -> None:
        """Record that these runs train."""
        self._training[runs[0].key] = self._size(runs)

    def end(self, runs: Sequence[RunSpec]) -> None:
        """Record that these runs train no more."""
        self._training.pop(runs[0].key, None)
        if not self._training:
            self._claims.give_back_all_memory()

    def _size(self, runs: Sequence[RunSpec]) -> Size:
        return memory.size(runs, gpu=self._device != "cpu")
