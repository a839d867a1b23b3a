"""The control of sparse parity: where one bit is the answer, every size finds it."""

from engine.presets.parity_jump import PRESET as FOUR_BITS
from engine.registry import Preset

PRESET = Preset(
    title="No jump where one bit is the answer",
    finding=("FILL"),
    source=FOUR_BITS.source,
    settings=FOUR_BITS.settings | {"relevant_bits": 1},
)
