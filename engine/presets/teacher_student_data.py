"""A power law in the number of training examples, down to the floor that the student's size sets."""

from engine.base.language import _
from engine.presets.teacher_student_size import PRESET as BY_SIZE
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("A power law in data: teacher and student"),
    finding=_(
        "With 64 units a layer, test loss falls from 0.054 with 200 examples to 0.0043 with 3,200, on a straight "
        "line in logarithms: L(D) = A·D^−0.92."
    ),
    source=_("Hestness et al. 2017, arXiv:1712.00409: a power law between small data and an irreducible error."),
    settings=BY_SIZE.settings
    | {"dimension": 6, "width": 64, "dataset_size": (200, 300, 400, 600, 800, 1200, 1600, 2400, 3200), "steps": 4000},
)
