"""The sweep that a command line asks for: settings with changes of the form knob=value."""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.base.language import _
from engine.spec.sweep import SweepSpec, parse_settings


def changed(settings: Mapping[str, Any], changes: Iterable[str], seeds: str | None) -> SweepSpec:
    """Return the sweep of `settings` with `changes` of the form knob=value, and that many `seeds`.

    Raises: ValueError: one sentence naming the setting, its value and what is allowed.
    """
    texts: dict[str, str] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise ValueError(
                _("--set {change} has no value; allowed: KNOB=VALUE, e.g. --set label_noise=0.", change=change)
            )
        texts[name.strip()] = value
    if seeds is not None:
        if not seeds.isdecimal() or not 1 <= int(seeds[:6]) <= 10_000:
            raise ValueError(
                _("--seeds {seeds} is not possible; allowed: a whole number from 1 to 10000.", seeds=seeds)
            )
        texts["seed"] = f"0..{int(seeds) - 1}"
    return parse_settings(texts, settings)
