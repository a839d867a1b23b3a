"""The control of sparse parity: where one bit is the answer, every size finds it."""

from engine.base.language import _
from engine.presets.parity_jump import PRESET as FOUR_BITS
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("No jump where one bit is the answer"),
    finding=_(
        "Networks of all sizes, one unit included, get every test string right: the jump comes from how the bits "
        "hide, not from size as such."
    ),
    source=FOUR_BITS.source,
    settings=FOUR_BITS.settings | {"relevant_bits": 1},
)
