"""Verdict cards: what the curves of a sweep say of each claim, why, and the runs that would settle it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import streamlit as st

from engine.spec.sweep import SweepSpec
from pages.ui import actions, link, services, text
from pages.ui.explore import diagnostics, follow_up
from pages.ui.services import Services
from store.db.connection import Database

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.verdict import Verdict

_LOOKS = {
    "supported": (":material/check_circle:", "green"),
    "inconclusive": (":material/help:", "orange"),
    "not supported": (":material/cancel:", "gray"),
}
"""Icon and colour of each answer, in the order in which cards stand."""
_SHOWN = "verdicts.shown"
"""The verdicts that were drawn last, with what they are on: they stay while runs that settle train."""
MOST_RUNS = 1_000
"""Of a sweep that is judged: its whole curves are read for it, in a second or two, and a law is fitted."""
_MOST = 12
"""Cards that are drawn at once; the others are folded away."""

Judged = tuple[tuple["Verdict", ...], int]
"""The verdicts, and how many runs beyond the sweep were judged with it."""


def draw(opened: Services, sweep: SweepSpec, measure: str) -> None:
    """Draw a card per claim, judged by `measure`: "error" or "loss"."""
    if sweep.size > MOST_RUNS:
        st.caption(f"Sweeps of up to {MOST_RUNS:,} runs are judged here: `python -m engine verdicts` judges any.")
        return
    about = (sweep.key, measure)
    verdicts, beyond = follow_up.kept(
        opened, sweep, _SHOWN, about, lambda: _judged(opened.db, opened.db.generation(), sweep, measure)
    )
    if not verdicts:
        return
    st.markdown("**What the curve says**", help="Judged over seeds, never from one alone, with 95 % intervals.")
    actions.say()
    order = list(_LOOKS)
    ranked = sorted(verdicts, key=lambda one: order.index(one.answer))
    _cards(opened, sweep, ranked[:_MOST], 0)
    if rest := ranked[_MOST:]:
        with st.expander(f"{text.plural(len(rest), 'more verdict')}"):
            _cards(opened, sweep, rest, _MOST)
    if beyond:
        st.caption(f"Judged together with {text.plural(beyond, 'run')} beyond this sweep that settle a verdict.")
    diagnostics.draw(opened, sweep)


@lru_cache(maxsize=16)
def _judged(db: Database, generation: tuple[int, ...], sweep: SweepSpec, measure: str) -> Judged:
    from engine.verdicts.claims import judge_with_follow_up

    verdicts, curves = judge_with_follow_up(sweep, lambda runs: services.curves(db, runs), measure=measure)
    own = set(sweep.run_keys())
    return verdicts, sum(run.key not in own for run in curves.runs)


def _cards(opened: Services, sweep: SweepSpec, verdicts: Sequence["Verdict"], first: int) -> None:
    with st.grid("auto", min_column_width=290, gap="small", key=f"verdicts-{first}"):
        for number, verdict in enumerate(verdicts, start=first):
            with st.container(border=True, gap="xsmall", key=f"verdict-{number}", height="stretch"):
                _card(opened, sweep, verdict, number)


def _card(opened: Services, sweep: SweepSpec, verdict: "Verdict", number: int) -> None:
    icon, color = _LOOKS[verdict.answer]
    series = f" · {text.literal(verdict.series)}" if verdict.series else ""
    st.markdown(f"**{text.literal(verdict.title)}**{series}")
    st.badge(verdict.answer.capitalize(), icon=icon, color=color)  # type: ignore[arg-type]  # one of its names
    st.markdown(text.literal(effect(verdict)))
    if verdict.where:
        st.caption(text.literal(verdict.where))
    with st.expander("Why", type="compact"):
        st.markdown("\n".join(f"- {text.literal(sentence)}" for sentence in verdict.why))
    if verdict.claim == "power-law":
        st.page_link(
            "laws.py",
            label="Scaling laws",
            icon=":material/trending_down:",
            query_params=link.written_sweep(sweep) | {"law": "power-offset"},
        )
    if verdict.follow_up is not None:
        follow_up.draw(
            opened,
            sweep,
            verdict.follow_up,
            label="Settle it",
            icon=":material/gavel:",
            then="judges again",
            doing="Training what settles it",
            key=f"settle-{number}",
        )


def effect(verdict: "Verdict") -> str:
    """Return how large an effect is, with its interval and the number of seeds."""
    seeds = text.plural(verdict.n_seeds, "seed")
    if verdict.effect is None:
        return f"No effect to measure, {seeds}"
    between = ""
    if verdict.low is not None and verdict.high is not None:
        between = f" ({_number(verdict.low)} to {_number(verdict.high)})"
    return f"{_number(verdict.effect)} {verdict.unit}{between}, {seeds}"


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
