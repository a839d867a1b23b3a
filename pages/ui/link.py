"""What a page shows, as a link: read from the address, written there. A bad link gives sentences, never an error."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from engine.base.language import _
from engine.spec import registry
from engine.spec.sweep import SweepSpec, parse_settings
from pages.ui import text
from pages.ui.address import taken
from pages.ui.measures import AXES, SCALES, SPLITS
from pages.ui.summary import LOGS, View

OPENING = "digits-double-descent"
"""The preset of an address that names no settings."""

VIEW = tuple(f.name for f in fields(View))
"""Names of the parameters that say how a curve is looked at."""
_CHOICES = {"x": tuple(AXES), "y": tuple(SCALES), "log": LOGS, "show": SPLITS, "at": ("last", "best")}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a link names."""

    sweep: SweepSpec
    view: View
    problems: tuple[str, ...] = ()
    """Sentences about what could not be had and was left out."""


def preset(name: str) -> SweepSpec:
    """Return the sweep of a preset. Raises: ValueError: for an unknown name."""
    return SweepSpec.of(registry.preset(name).settings)


def read(params: Mapping[str, str]) -> Shown:
    """Return what `params` name, as near as can be had."""
    settings = dict(params)
    view, problems = read_view(settings, View())
    sweep = _read_sweep(settings, problems)
    return Shown(sweep=sweep, view=view, problems=tuple(problems))


def read_view(params: dict[str, str], default: View) -> tuple[View, list[str]]:
    """Take out of `params` what they say of the view; return it, and sentences on what cannot be had."""
    found, problems = taken(params, VIEW, _read_view)
    return replace(default, **found), problems


def written(sweep: SweepSpec, view: View) -> dict[str, str]:
    """Return the shortest parameters from which `read` gives both again."""
    params = written_sweep(sweep) if sweep.settings != preset(OPENING).settings else {}
    return params | written_view(view, View())


def written_sweep(sweep: SweepSpec) -> dict[str, str]:
    """Return parameters that name the settings of `sweep`."""
    # Without these two, all defaults would look like an address that names no settings.
    names = dict.fromkeys(["dataset", "arch", *dict(sweep.settings)])
    return {name: text.values(sweep.values(name)) for name in names}


def written_view(view: View, default: View) -> dict[str, str]:
    """Return parameters for what differs in `view` from `default`."""
    changed = {name: getattr(view, name) for name in VIEW if getattr(view, name) != getattr(default, name)}
    return {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in changed.items()}


def _read_view(name: str, given: str) -> str | int | tuple[str, ...]:
    allowed = _CHOICES[name]
    if name == "at" and given.isdecimal() and len(given) < 10:
        return int(given)
    if name == "show" and set(given.split(",")) <= set(allowed):
        return tuple(split for split in allowed if split in given.split(","))
    if given not in allowed:
        named = {"name": name, "value": given[:40], "allowed": ", ".join(allowed)}
        if name == "at":
            raise ValueError(_("{name}={value} is not possible; allowed: one of {allowed}, or a step.", **named))
        raise ValueError(_("{name}={value} is not possible; allowed: one of {allowed}.", **named))
    return given


def _read_sweep(settings: dict[str, str], problems: list[str]) -> SweepSpec:
    if not settings:
        return preset(OPENING)
    try:
        base = preset(settings.pop("preset")) if "preset" in settings else SweepSpec(settings=())
    except ValueError as problem:
        problems.append(str(problem))
        return preset(OPENING)
    found = {name: text.values(values) for name, values in base.settings} | settings
    while True:
        try:
            sweep = parse_settings(found)
            sweep.runs()  # some settings are wrong only together
        except ValueError as problem:
            problems.append(str(problem))
            # Wherever the sentence has its setting: word order differs between languages.
            named = [name for name in re.findall(r"(\w+)=", str(problem)) if name in found]
            if not named:
                return preset(OPENING)
            del found[named[0]]
        else:
            return sweep if found else preset(OPENING)


def arrived(page: str) -> dict[str, str] | None:
    """Return the address's parameters when they brought the visitor to `page`; None when its own widgets lead."""
    params = st.query_params.to_dict()
    came_from = st.session_state.get("link.page")
    st.session_state["link.page"] = page
    known = st.session_state.get(f"link.{page}")
    if known is None or _went_back():
        return params
    # A click in the navigation leads to a bare address, and the page is as the visitor left it. On one and the same
    # page, parameters that differ are no news: a quick second change may come with the address from before the first.
    return params if params and params != known and came_from != page else None


def leave(page: str, params: Mapping[str, str]) -> None:
    """Write `params` to the address of `page`, if they are not there yet."""
    st.session_state[f"link.{page}"] = dict(params)
    if st.query_params.to_dict() != params:
        st.query_params.from_dict(params)


def _went_back() -> bool:
    """Return whether it was the browser's Back or Forward button that asked for this run."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation
