"""Widgets from knobs: what a person sets stands in the session as text by knob name, as links write it."""

from itertools import groupby

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine.base.language import _
from engine.spec import registry
from engine.spec.knob import Knob, applies
from engine.spec.sweep import SweepSpec, knobs_for, parse_settings
from pages.ui import text

_FEW = 16
"""A knob with at most so many whole values offers them all."""
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 0.9)
"""Offered by knobs that lie between 0 and 1; others may be typed."""


def fill(given: SweepSpec) -> None:
    """Set every widget to the settings of `given`. To be called before they are drawn."""
    for name in knobs_for(dict(given.settings)):
        st.session_state[_key(name)] = text.values(given.values(name))


def sweep() -> SweepSpec:
    """Draw the widgets and return the sweep they make.

    Raises: ValueError: one sentence naming the knob, its value and what is allowed.
    """
    return parse_settings(settings())


def settings() -> dict[str, str]:
    """Draw the widgets of all knobs that hold now, under their groups; return their texts by knob name."""
    chosen = {name: _of(name, default) for name, default in (("dataset", "digits"), ("arch", "mlp"))}
    known = knobs_for({name: tuple(value.split(",")) for name, value in chosen.items()})
    for name, declared in known.items():
        st.session_state.setdefault(_key(name), text.value(declared.default))
    shown = [declared for declared in known.values() if _shown(declared)]
    order = list(dict.fromkeys(declared.group for declared in known.values()))
    shown.sort(key=lambda declared: order.index(declared.group))
    for heading, members in groupby(shown, key=lambda declared: declared.heading):
        st.markdown(f"**{heading}**")
        _draw_group(list(members))
    return {declared.name: str(st.session_state[_key(declared.name)] or "") for declared in shown}


def _key(name: str) -> str:
    return f"knob.{name}"


def _of(name: str, default: str) -> str:
    return str(st.session_state.get(_key(name)) or default)


def _shown(declared: Knob) -> bool:
    if declared.only_if is None:
        return True
    other = declared.only_if[0]
    return any(applies(declared, {other: value}) for value in _of(other, "").split(","))


def _draw_group(members: list[Knob]) -> None:
    _draw_knobs([declared for declared in members if not declared.rare])
    rare = [declared for declared in members if declared.rare]
    if rare:
        changed = any(_of(declared.name, "") != text.value(declared.default) for declared in rare)
        with st.expander(_("More"), expanded=changed):
            _draw_knobs(rare)


def _draw_knobs(members: list[Knob]) -> None:
    narrow: list[Knob] = []
    for declared in members:
        if declared.kind is str or declared.swept:
            _draw_wide(declared)
        else:
            narrow.append(declared)
    if narrow:
        with _row(2):
            for declared in narrow:
                _draw_number(declared)


def _row(columns: int) -> DeltaGenerator:
    return st.grid(columns, min_column_width=60, gap="xsmall", vertical_alignment="bottom", wrap=False)


def _draw_wide(declared: Knob) -> None:
    if declared.kind is str:
        _draw_choice(declared)
    elif declared.name == "seed":
        _draw_seeds(declared)
    elif declared.name == "width":
        _draw_widths(declared)
    else:
        _draw_text(declared)


def _draw_choice(declared: Knob) -> None:
    now = _of(declared.name, "")
    options = list(dict.fromkeys([*declared.choices(), now]))  # a link may name several: mlp,cnn

    st.selectbox(
        declared.label,
        options,
        key=_key(declared.name),
        format_func=lambda name: _title(declared, name),
        help=declared.help,
        persist_state="session",
    )


def _title(declared: Knob, name: str) -> str:
    if name in declared.choices():
        if declared.name == "dataset":
            return registry.dataset(name).title
        if declared.name == "arch":
            return registry.arch(name).title
    return name


def _draw_number(declared: Knob) -> None:
    offered = _offered(declared)
    if not offered:
        _draw_text(declared)
        return
    now = _of(declared.name, "")
    st.selectbox(
        declared.label,
        list(dict.fromkeys([*offered, now])),
        key=_key(declared.name),
        help=_help(declared),
        accept_new_options=True,
        persist_state="session",
    )


def _offered(declared: Knob) -> list[str]:
    if declared.kind is int and declared.high - declared.low < _FEW:
        return [str(value) for value in range(int(declared.low), int(declared.high) + 1)]
    if declared.kind is float and declared.low >= 0 and declared.high <= 1:
        shares = {declared.default, *_SHARES}
        return [text.value(float(v)) for v in sorted(map(float, shares)) if declared.low <= v <= declared.high]
    return []


def _draw_text(declared: Knob, label: str = "") -> None:
    st.text_input(
        label or declared.label,
        key=_key(declared.name),
        help=_help(declared),
        placeholder=text.value(declared.default),
        persist_state="session",
    )


def _help(declared: Knob) -> str:
    said = {"help": declared.help, "allowed": declared.allowed}
    if declared.kind is int:
        return _("{help} Allowed: {allowed}; 4,6,8 or 0..4 or 4..512x8 (log-spaced).", **said)
    return _("{help} Allowed: {allowed}; several: 0,0.1,0.2.", **said)


def _draw_widths(declared: Knob) -> None:
    values = _parsed(declared)
    if values is not None:
        ends = {"from": str(min(values)), "to": str(max(values)), "points": str(len(values))}
        for part, value in ends.items():
            st.session_state[f"width.{part}"] = value
    with _row(3):
        for part, label in (("from", _("Width from")), ("to", _("to")), ("points", _("points"))):
            st.text_input(label, key=f"width.{part}", on_change=_space_widths, args=(declared,))
    _draw_text(declared, _("Widths, one by one"))


def _space_widths(declared: Knob) -> None:
    start, end, points = (str(st.session_state[f"width.{part}"]).strip() for part in ("from", "to", "points"))
    points = "2" if points == "1" and start != end else points
    st.session_state[_key(declared.name)] = f"{start}..{end}x{points}"
    values = _parsed(declared)
    if values is not None:
        st.session_state[_key(declared.name)] = text.values(values)


def _draw_seeds(declared: Knob) -> None:
    values = _parsed(declared)
    if values is not None:
        st.session_state["seed.count"] = len(values)
    with _row(2):
        st.number_input(_("How many"), min_value=1, step=1, key="seed.count", on_change=_count_seeds, args=(declared,))
        _draw_text(declared, _("One by one"))


def _count_seeds(declared: Knob) -> None:
    count = int(st.session_state["seed.count"])
    st.session_state[_key(declared.name)] = text.values(tuple(range(count))) if count <= 1000 else f"0..{count - 1}"


def _parsed(declared: Knob) -> tuple[int | float | str, ...] | None:
    try:
        return declared.parse(_of(declared.name, ""))
    except ValueError:
        return None
