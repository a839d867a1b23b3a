"""Verdict cards: what the curves of a sweep say of each claim, why, and the runs that would settle it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from engine.base.language import _, _n
from engine.spec.sweep import SweepSpec
from pages.ui import actions, link, reads, text
from pages.ui.cached import by_generation
from pages.ui.explore import diagnostics, follow_up
from pages.ui.services import Services
from store.db.connection import Database

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.verdict import Verdict

_LOOKS = {
    "supported": (_("Supported"), ":material/check_circle:", "green"),
    "inconclusive": (_("Inconclusive"), ":material/help:", "orange"),
    "not supported": (_("Not supported"), ":material/cancel:", "gray"),
}
"""Words, icon and colour of each answer, in the order in which cards stand."""
_SHOWN = "verdicts.shown"
"""Where a session keeps the verdicts that were drawn last: they stay while follow-up runs train."""
MOST_RUNS = 1_000
"""Most runs of a sweep that gets verdicts: they read its whole curves, in a second or two, and fit a law."""
_MOST = 12
"""Cards that are drawn in full; the others are folded away."""

Found = tuple[tuple["Verdict", ...], int]
"""The verdicts, and how many runs beyond the sweep they rest on."""


def draw(opened: Services, sweep: SweepSpec, measure: str) -> None:
    """Draw a card per claim, with the verdict by `measure`: "error" or "loss"."""
    if sweep.size > MOST_RUNS:
        most = _("Sweeps of up to {most:,} runs are judged here: `scalescope verdicts` judges any.", most=MOST_RUNS)
        st.caption(most)
        return
    about = (sweep.key, measure)
    verdicts, beyond = follow_up.steady(opened, sweep, _SHOWN, about, lambda: _found(opened.db, sweep, measure))
    if not verdicts:
        return
    st.markdown(_("**What the curve says**"), help=_("Judged over seeds, never from one alone, with 95 % intervals."))
    actions.say()
    order = list(_LOOKS)
    ranked = sorted(verdicts, key=lambda one: order.index(one.answer))
    _cards(opened, sweep, ranked[:_MOST], 0)
    if rest := ranked[_MOST:]:
        with st.expander(_n("{n:,} more verdict", "{n:,} more verdicts", len(rest))):
            _cards(opened, sweep, rest, _MOST)
    if beyond:
        st.caption(
            _n(
                "Judged together with {n:,} run beyond this sweep that settle a verdict.",
                "Judged together with {n:,} runs beyond this sweep that settle a verdict.",
                beyond,
            )
        )
    diagnostics.draw(opened, sweep)


@by_generation(maxsize=16)
def _found(db: Database, sweep: SweepSpec, measure: str) -> Found:
    from engine.verdicts.claims import judge_with_follow_up

    verdicts, curves = judge_with_follow_up(sweep, lambda runs: reads.curves(db, runs), measure=measure)
    own = set(sweep.run_keys)
    return verdicts, sum(run.key not in own for run in curves.runs)


def _cards(opened: Services, sweep: SweepSpec, verdicts: Sequence["Verdict"], first: int) -> None:
    with st.grid("auto", min_column_width=290, gap="small", key=f"verdicts-{first}"):
        for number, verdict in enumerate(verdicts, start=first):
            with st.container(border=True, gap="xsmall", key=f"verdict-{number}", height="stretch"):
                _card(opened, sweep, verdict, number)


def _card(opened: Services, sweep: SweepSpec, verdict: "Verdict", number: int) -> None:
    words, icon, color = _LOOKS[verdict.answer]
    series = f" · {text.literal(verdict.series)}" if verdict.series else ""
    st.markdown(f"**{text.literal(verdict.title)}**{series}")
    st.badge(words, icon=icon, color=color)  # type: ignore[arg-type]  # one of its names
    st.markdown(text.literal(effect(verdict)))
    if verdict.where:
        st.caption(text.literal(verdict.where))
    with st.expander(_("Why"), type="compact"):
        st.markdown("\n".join(f"- {text.literal(sentence)}" for sentence in verdict.why))
    if verdict.claim == "power-law":
        st.page_link(
            "laws.py",
            label=_("Scaling laws"),
            icon=":material/trending_down:",
            query_params=link.written_sweep(sweep) | {"law": "power-offset"},
        )
    if verdict.follow_up is not None:
        follow_up.draw(
            opened,
            sweep,
            verdict.follow_up,
            label=_("Settle it"),
            icon=":material/gavel:",
            then=_("Trains these runs, then judges again."),
            doing=_("Training what settles it"),
            key=f"settle-{number}",
        )


def effect(verdict: "Verdict") -> str:
    """Return how large an effect is, with its interval and the number of seeds."""
    seeds = verdict.n_seeds
    if verdict.effect is None:
        return _n("No effect to measure, {n:,} seed", "No effect to measure, {n:,} seeds", seeds)
    said = {"effect": _number(verdict.effect), "unit": verdict.unit}
    if verdict.low is None or verdict.high is None:
        return _n("{effect} {unit}, {n:,} seed", "{effect} {unit}, {n:,} seeds", seeds, **said)
    said |= {"low": _number(verdict.low), "high": _number(verdict.high)}
    return _n(
        "{effect} {unit} ({low} to {high}), {n:,} seed", "{effect} {unit} ({low} to {high}), {n:,} seeds", seeds, **said
    )


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
