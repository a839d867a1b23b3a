"""How much memory the buckets of one worker may take together."""

from collections.abc import Sequence

from engine.plan import buckets, memory
from engine.plan.memory import Size
from engine.queue.locks import Claims
from engine.spec.run import RunSpec

ANYWHERE = 2**26
"""Bytes for which no worker waits: it holds more itself."""


class Room:
    """The memory of one worker: its share of what the machine has left, and all of it for one large run at a time."""

    def __init__(self, device: str, claims: Claims) -> None:
        self._device, self._claims = device, claims
        self._kept: dict[str, Size] = {}
        self._round: list[Size] = []
        self._share = self._whole = 0.0
        self.waits = ""
        """A sentence on a run that waits for memory; "" when none does."""

    def look(self) -> None:
        """See how much there is now; what was reserved and not kept is free again."""
        self.waits, self._round = "", list(self._kept.values())
        if self._device == "cpu":
            left = memory.available()
            self._whole = float("inf") if left is None else left + memory.resident() - memory.WORKER_BYTES
            self._share = self._whole / buckets.worker_count()
        else:
            import torch

            free, _ = torch.cuda.mem_get_info(self._device)
            self._whole = self._share = free + torch.cuda.memory_reserved(self._device)

    def fitting(self, runs: Sequence[RunSpec], *, alone: bool) -> list[RunSpec]:
        """Return as many of `runs`, from the first on, as may train beside what is kept and reserved.

        `alone`: there is neither; then a single run may take all the machine has, while no other worker has such a run.
        """
        own, shared = sum(each.own for each in self._round), max((each.shared for each in self._round), default=0)

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
        if size <= ANYWHERE or (size <= self._whole and self._claims.take_all()):
            return found
        asked, left = memory.words(size), memory.words(max(0.0, self._whole))
        self.waits = f"A run of width {found[0].width} needs about {asked} of memory and waits: {left} are free now."
        return []

    def reserve(self, runs: Sequence[RunSpec]) -> None:
        """Note that these runs are to train, until the next look."""
        self._round.append(self._size(runs))

    def keep(self, runs: Sequence[RunSpec]) -> None:
        """Note that these runs train."""
        self._kept[runs[0].key] = self._size(runs)

    def free(self, runs: Sequence[RunSpec]) -> None:
        """Note that these runs have ended."""
        self._kept.pop(runs[0].key, None)
        if not self._kept:
            self._claims.give_back_all()

    def _size(self, runs: Sequence[RunSpec]) -> Size:
        return memory.size(runs, gpu=self._device != "cpu")
