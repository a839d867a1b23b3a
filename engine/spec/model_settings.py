"""The settings of what is trained: its data and its architecture, a knob each."""

from dataclasses import dataclass

from engine.base.language import _
from engine.spec import registry
from engine.spec.knob import knob


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The groups Data and Architecture; what one data set or one architecture needs alone, it declares itself."""

    dataset: str = knob(
        "digits", _("Data set"), _("What the models learn."), group="Data", choices=lambda: registry.names("datasets")
    )
    dataset_size: int = knob(
        1000, _("Examples"), _("Unique training examples drawn from the data set."), group="Data", low=1, high=10**6
    )
    label_noise: float = knob(
        0.0,
        _("Label noise"),
        _(
            "Share of training labels that are wrong (rounded to whole labels), or of training targets that are "
            "another example's; validation and test stay clean."
        ),
        group="Data",
        low=0.0,
        high=1.0,
    )
    folds: int = knob(
        0,
        _("Folds"),
        _("Cross-validation: the examples are cut into so many equal parts; one validates, the others train. 0: off."),
        group="Data",
        low=0,
        high=100,
        rare=True,
    )
    fold: int = knob(
        0, _("Fold"), _("The part that validates; sweep over all of them."), group="Data", low=0, high=99, rare=True
    )
    standardize: str = knob(
        "default",
        _("Standardization"),
        _(
            "Of inputs, by the training pool: each feature by itself, all numbers alike, or off; default: as the data "
            "set is usually seen."
        ),
        group="Data",
        choices=lambda: ("default", "off", "each", "all"),
        rare=True,
    )
    arch: str = knob(
        "mlp",
        _("Architecture"),
        _("The family of models."),
        group="Architecture",
        choices=lambda: registry.names("archs"),
    )
    width: int = knob(
        16, _("Width"), _("Units in each hidden layer."), group="Architecture", low=1, high=2048, swept=True
    )
    depth: int = knob(
        1,
        _("Depth"),
        _("Hidden layers; the output layer is not counted. 0: the output layer alone, a linear model."),
        group="Architecture",
        low=0,
        high=12,
    )
    init: str = knob(
        "default",
        _("Initial weights"),
        _("default: PyTorch's. he, xavier and normal draw weights anew and begin with biases at 0."),
        group="Architecture",
        choices=lambda: ("default", "he", "xavier", "normal"),
        rare=True,
    )
    init_std: float = knob(
        0.02,
        _("Initial spread"),
        _("Standard deviation of normal initial weights."),
        group="Architecture",
        low=0.0,
        high=10.0,
        only_if=("init", "normal"),
        rare=True,
    )
    width_rule: str = knob(
        "standard",
        _("Width rule"),
        _("How initial weights and learning rates follow the width. mup: so that one learning rate suits every width."),
        group="Architecture",
        choices=lambda: ("standard", "mup"),
        rare=True,
    )
    base_width: int = knob(
        16,
        _("Base width"),
        _("Width at which mup begins and learns as the standard does."),
        group="Architecture",
        low=1,
        high=2048,
        only_if=("width_rule", "mup"),
        rare=True,
    )
