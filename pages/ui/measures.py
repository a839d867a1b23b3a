"""Names of what curves show: splits, size axes, measures and states of runs, as titles and within sentences. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.base.language import _
from engine.spec.result import ACCURACY, RunState
from pages.ui import text

SPLITS = ("test", "train", "val")
SPLIT_NAMES = {"test": _("test"), "train": _("train"), "val": _("validation")}
SPLIT_TITLES = {"test": _("Test"), "train": _("Train"), "val": _("Validation")}
AXES = {
    "width": _("Width"),
    "depth": _("Depth"),
    "params": _("Parameters"),
    "ratio": _("Parameters ÷ training examples"),
}
AXIS_NAMES = {
    "width": _("width"),
    "depth": _("depth"),
    "params": _("parameters"),
    "ratio": _("parameters ÷ training examples"),
}
"""What an axis is called within a sentence."""
UNITS = {
    "params": _("params"),
    "params_non_embedding": _("params without embeddings"),
    "width": _("width"),
    "dataset_size": _("training examples"),
    "examples": _("examples"),
    "tokens": _("tokens"),
}
"""What the size of a model or the amount of data is counted in, within a sentence."""
UNIT_TITLES = {
    "params": _("Params"),
    "params_non_embedding": _("Params without embeddings"),
    "width": _("Width"),
    "dataset_size": _("Training examples"),
    "examples": _("Examples"),
    "tokens": _("Tokens"),
}
STATES = {
    RunState.QUEUED.value: _("queued"),
    RunState.RUNNING.value: _("running"),
    RunState.FINISHED.value: _("finished"),
    RunState.DIVERGED.value: _("diverged"),
    RunState.FAILED.value: _("failed"),
}
_NAMES = {"error": _("error"), "accuracy": _("accuracy"), "r2": "R²", "loss": _("loss")}


@dataclass(frozen=True)
class Measure:
    """What a measure is called."""

    title: str
    """On an axis."""
    text: str
    """Within a sentence."""
    name: str
    """Within a sentence, without its unit."""


_WRONG = Measure(_("Error (share of wrong answers)"), _("error (share of wrong answers)"), _("error"))
_RIGHT = Measure(_("Accuracy (right answers)"), _("accuracy (right answers)"), _("accuracy"))
SCALES = {
    "error": {
        "cross-entropy": _WRONG,
        "hinge": _WRONG,
        "sequence": _WRONG,
        "mse": Measure(
            _("Error (share of variance left unexplained)"), _("error (share of variance left unexplained)"), _("error")
        ),
    },
    "accuracy": {
        "cross-entropy": _RIGHT,
        "hinge": _RIGHT,
        "sequence": _RIGHT,
        "mse": Measure(_("R² (variance explained)"), _("R² (variance explained)"), "R²"),
    },
    "loss": {
        "cross-entropy": Measure(_("Loss (nats per example)"), _("loss (nats per example)"), _("loss")),
        "hinge": Measure(_("Hinge loss per example"), _("hinge loss per example"), _("hinge loss per example")),
        "sequence": Measure(_("Loss (nats per answer)"), _("loss (nats per answer)"), _("loss")),
        "mse": Measure(_("Mean squared error"), _("mean squared error"), _("mean squared error")),
    },
}
"""What a measure is called, by the loss that training minimises."""


def scale(measure: str, losses: Iterable[str]) -> str:
    """Return the title of an axis that shows `measure`, where training minimises `losses`."""
    return _scale(measure, losses).title


def of_split(split: str, measure: str, losses: Iterable[str]) -> Measure:
    """Return what `measure` of the test or validation split is called: Test loss (nats per example)."""
    one = _scale(measure, losses)
    if split == "test":
        return Measure(
            _("Test {measure}", measure=one.text),
            _("test {measure}", measure=one.text),
            _("Test {measure}", measure=one.name),
        )
    return Measure(
        _("Validation {measure}", measure=one.text),
        _("validation {measure}", measure=one.text),
        _("Validation {measure}", measure=one.name),
    )


def _scale(measure: str, losses: Iterable[str]) -> Measure:
    losses = set(losses)
    found = {SCALES[measure][loss] for loss in losses}
    if len(found) == 1:
        return found.pop()
    name = measure_name(measure, losses)
    return Measure(text.capital(name), name, name)


def measure_name(measure: str, losses: Iterable[str]) -> str:
    """Return `measure` as sentences and buttons say it: with mean squared error, 1 − error is no accuracy but R²."""
    names = sorted({ACCURACY[loss] for loss in losses} if measure == "accuracy" else {measure})
    if len(names) < 2:
        return "".join(_NAMES[name] for name in names)
    one, other = (_NAMES[name] for name in names)
    return _("{one} or {other}", one=one, other=other)
