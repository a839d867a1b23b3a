"""How much memory the buckets of one worker may take together."""

from collections.abc import Sequence

from engine import memory, plan
from engine.claims import Claims
from engine.spec import RunSpec

ANYWHERE = 2**26
"""Bytes for which no worker waits: it holds more itself."""


class Room:
    """The memory of one worker: its share of what the machine has left, and all of it for one large run at a time."""

    def __init__(self, device: str, claims: Claims) -> None:
        self._device, self._claims = device, claims
        self._sizes: dict[str, int] = {}
        self._share = self._whole = 0.0
        self.waits = ""
        """A sentence on a run that waits for memory; "" when none does."""

    def look(self) -> None:
        """See how much there is now."""
        self.waits = ""
        if self._device == "cpu":
            left = memory.available()
            self._whole = float("inf") if left is None else left + memory.resident() - memory.WORKER_BYTES
            self._share = self._whole / plan.worker_count()
        else:
            import torch

            self._whole = self._share = torch.cuda.mem_get_info(self._device)[0] + torch.cuda.memory_reserved(
                self._device
            )

    def fitting(self, runs: Sequence[RunSpec], beside: int, *, alone: bool) -> list[RunSpec]:
        """Return as many of `runs`, from the first on, as may train beside what is kept and `beside` bytes more.

        `alone`: there is neither; then a single run may take all the machine has, while no other worker has such a run.
        """
        held = sum(self._sizes.values()) + beside
        found = list(runs)
        while len(found) > 1 and held + self.size(found) > self._share:
            found = found[: len(found) // 2]
        size = self.size(found)
        if held + size <= self._share or not alone:
            return found if held + size <= self._share else []
        if size <= ANYWHERE or (size <= self._whole and self._claims.take_all()):
            return found
        asked, left = memory.words(size), memory.words(max(0.0, self._whole))
        self.waits = f"A run of width {found[0].width} needs about {asked} of memory and waits: {left} are free now."
        return []

    def keep(self, runs: Sequence[RunSpec]) -> None:
        """Note that these runs train."""
        self._sizes[runs[0].key] = self.size(runs)

    def free(self, runs: Sequence[RunSpec]) -> None:
        """Note that these runs have ended."""
        self._sizes.pop(runs[0].key, None)
        if not self._sizes:
            self._claims.give_back_all()

    def size(self, runs: Sequence[RunSpec]) -> int:
        """Return the bytes that a bucket of these runs takes."""
        return memory.needed(runs, gpu=self._device != "cpu")
