"""Refuses settings that make no sense for a data set, each with a plain sentence."""

from engine.base.language import _
from engine.spec.settings import Settings
from engine.spec.task import Task

_BY_LOSS = _("{name}={value} is not possible; allowed: 0 for {dataset}, whose loss is {loss}.")
_BY_KIND = {
    "tokens": _("{name}={value} is not possible; allowed: 0 for {dataset}, whose examples are tokens."),
    "features": _("{name}={value} is not possible; allowed: 0 for {dataset}, whose examples are single features."),
    "signals": _("{name}={value} is not possible; allowed: 0 for {dataset}, whose examples are signals."),
}
"""Sentences about a setting that must be 0, by the kind of example."""


def refuse_senseless(settings: Settings, task: Task) -> None:
    """Raise ValueError, naming setting, value and what is allowed, for what cannot be done with examples of `task`."""
    kind = "tokens" if task.tokens else {1: "features", 2: "signals", 3: "images"}[len(task.shape)]
    if task.loss != "cross-entropy":
        _refuse(settings, "label_smoothing", _BY_LOSS, task.loss)
    if task.loss == "sequence":
        _refuse(settings, "mixup", _BY_LOSS, task.loss)
    if kind != "images":
        _refuse(settings, "rotate", _BY_KIND[kind])
    if kind in ("tokens", "features"):
        _refuse(settings, "shift", _BY_KIND[kind])
    if kind == "tokens":
        _refuse(settings, "augment_noise", _BY_KIND[kind])
        _refuse(settings, "mixup", _BY_KIND[kind])
        if settings.standardize not in ("default", "off"):
            raise ValueError(
                _(
                    "standardize={value} is not possible; allowed: default or off for {dataset}, whose examples are "
                    "tokens.",
                    value=settings.standardize,
                    dataset=settings.dataset,
                )
            )
    side = min(task.shape[1:], default=1)
    if settings.shift >= side and settings.shift:
        raise ValueError(
            _(
                "shift={shift} is not possible; allowed: a whole number from 0 to {most} for {dataset}, whose shortest "
                "side is {side}.",
                shift=settings.shift,
                most=side - 1,
                dataset=settings.dataset,
                side=side,
            )
        )


def _refuse(settings: Settings, name: str, sentence: str, loss: str = "") -> None:
    if value := getattr(settings, name):
        raise ValueError(sentence.format(name=name, value=value, dataset=settings.dataset, loss=loss))
