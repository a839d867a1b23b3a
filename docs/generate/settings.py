"""The page of all settings: those of every run, and those that one architecture declares."""

from docs.generate.markdown import code, joined, knobs
from engine.spec import registry
from engine.spec.knob import Knob, knobs_of
from engine.spec.run import RunSpec

INTRODUCTION = """\
# Settings

A run is named by its settings. A page draws a widget for each one; the command line takes it as
`--set NAME=VALUE`, and a link as `NAME=VALUE`. A value may be a list `4,8,16`, a range `0..4` or log-spaced points
`4..512x11`: then the sweep takes each of them. [Conventions](conventions.md) says what the settings do exactly.
Data sets declare settings of their own, which stand beside each [data set](datasets.md)."""


def page() -> str:
    """Return the page."""
    groups: dict[str, list[Knob]] = {}
    for knob in knobs_of(RunSpec).values():
        groups.setdefault(knob.group, []).append(knob)
    parts = [f"## {group}\n\n{knobs(members)}\n\n{_folded(members)}".rstrip() for group, members in groups.items()]
    own = [
        f"### {registry.arch(name).title} ({code(name)})\n\n{knobs(registry.arch(name).knobs)}"
        for name in registry.names("archs")
    ]
    return joined(INTRODUCTION, *parts, "## Settings of one architecture", *own)


def _folded(members: list[Knob]) -> str:
    rare = [code(knob.name) for knob in members if knob.rare]
    return f"Pages fold away what few people change: {', '.join(rare)}." if rare else ""
