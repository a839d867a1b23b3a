"""The chooser of a starting point: presets and saved sweeps, each of which fills the controls."""

from functools import cache

import streamlit as st

from engine.spec import registry
from engine.spec.sweep import SweepSpec
from pages.ui import link, services
from pages.ui.explore import controls


@cache
def presets() -> dict[str, str]:
    """Return the name of each preset by the key of its sweep."""
    return {link.preset(name).key: name for name in registry.names("presets")}


def draw(opened: services.Services, sweep: SweepSpec) -> None:
    """Draw the chooser; it stands at what `sweep` is, and empty where that is nobody's."""
    key = services.grid(sweep).key
    options, saved, total = offered(opened, key)
    st.session_state["start"] = key if key in options else None
    st.selectbox(
        "Start from",
        list(options),
        format_func=options.__getitem__,
        key="start",
        placeholder="Your own settings. Choose a preset or a saved sweep to start from.",
        help=f"The {saved} newest of {total:,} saved sweeps; the Library has all." if total > saved else None,
        on_change=_fill,
        args=(opened,),
    )


def offered(opened: services.Services, key: str) -> tuple[dict[str, str], int, int]:
    """Return titles by key of presets, of the newest saved sweeps and of `key`; how many are saved of how many."""
    titles, total = services.titles(opened.db)
    newest = len(titles)
    if key not in titles and total > newest:  # an older one: its key finds it
        titles = titles | services.titles(opened.db, key)[0]
    options = {key: registry.preset(name).title for key, name in presets().items()}
    return options | {key: title for key, title in titles.items() if key not in options}, newest, total


def finding(sweep: SweepSpec) -> str:
    """Return what the curve of a preset shows, and where that comes from; "" for any other sweep."""
    name = presets().get(services.grid(sweep).key)
    if name is None:
        return ""
    preset = registry.preset(name)
    return f"{preset.finding} ({preset.source.rstrip('.')})"


def _fill(opened: services.Services) -> None:
    key = st.session_state["start"]
    if key is not None:
        name = presets().get(key)
        controls.fill(link.preset(name) if name else services.saved(opened.db, key))
