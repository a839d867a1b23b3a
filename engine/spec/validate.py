"""Which settings make no sense for which data: a plain sentence each."""

from engine.spec.settings import Settings
from engine.spec.task import Task


def refuse_senseless(settings: Settings, task: Task) -> None:
    """Raise ValueError, naming setting, value and what is allowed, for what cannot be done with examples of `task`."""
    kind = "tokens" if task.tokens else {1: "single features", 2: "signals", 3: "images"}[len(task.shape)]
    examples = f"whose examples are {kind}"
    if task.loss != "cross-entropy":
        _refuse(settings, "label_smoothing", f"whose loss is {task.loss}")
    if task.loss == "sequence":
        _refuse(settings, "mixup", "whose loss is sequence")
    if kind != "images":
        _refuse(settings, "rotate", examples)
    if kind in ("tokens", "single features"):
        _refuse(settings, "shift", examples)
    if kind == "tokens":
        _refuse(settings, "augment_noise", examples)
        _refuse(settings, "mixup", examples)
        if settings.standardize not in ("default", "off"):
            raise ValueError(
                f"standardize={settings.standardize} is not possible; allowed: default or off for {settings.dataset}, "
                f"{examples}."
            )
    side = min(task.shape[1:], default=1)
    if settings.shift >= side and settings.shift:
        raise ValueError(
            f"shift={settings.shift} is not possible; allowed: a whole number from 0 to {side - 1} for "
            f"{settings.dataset}, whose shortest side is {side}."
        )


def _refuse(settings: Settings, name: str, why: str) -> None:
    if value := getattr(settings, name):
        raise ValueError(f"{name}={value} is not possible; allowed: 0 for {settings.dataset}, {why}.")
