"""Verdict cards: what the curves of a sweep say of each claim, why, and the runs that would settle it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import streamlit as st

from engine.spec import RunSpec, SweepSpec
from pages.ui import acts, link, services, text
from pages.ui.services import Services
from store import queries
from store.database import Database

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.curves import Curves
    from engine.verdicts.verdict import Settle, Verdict

_LOOKS = {
    "supported": (":material/check_circle:", "green"),
    "inconclusive": (":material/help:", "orange"),
    "not supported": (":material/cancel:", "gray"),
}
"""Icon and colour of each answer, in the order in which cards stand."""
_SETTLING = "verdicts.settling"
"""Where a session keeps which sweeps were submitted to settle a verdict, by the key of the sweep it is on."""
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
    verdicts, beyond = _judged_or_shown(opened, sweep, measure)
    if not verdicts:
        return
    st.markdown("**What the curve says**", help="Judged over seeds, never from one alone, with 95 % intervals.")
    acts.say()
    order = list(_LOOKS)
    ranked = sorted(verdicts, key=lambda one: order.index(one.answer))
    _cards(opened, sweep, ranked[:_MOST], 0)
    if rest := ranked[_MOST:]:
        with st.expander(f"{text.plural(len(rest), 'more verdict')}"):
            _cards(opened, sweep, rest, _MOST)
    if beyond:
        st.caption(f"Judged together with {text.plural(beyond, 'run')} beyond this sweep that settle a verdict.")


def settling(opened: Services, sweep: SweepSpec) -> bool:
    """Return whether runs that this session submitted to settle a verdict on `sweep` are in training."""
    return any(services.active(opened, other) for other in _submitted(sweep))


def _submitted(sweep: SweepSpec) -> Sequence[SweepSpec]:
    found: dict[str, tuple[SweepSpec, ...]] = st.session_state.get(_SETTLING, {})
    return found.get(sweep.key, ())


def _watch(sweep: SweepSpec, other: SweepSpec) -> None:
    known = st.session_state.get(_SETTLING, {})
    st.session_state[_SETTLING] = known | {sweep.key: (*_submitted(sweep), other)}


def _judged_or_shown(opened: Services, sweep: SweepSpec, measure: str) -> Judged:
    about = (sweep.key, measure)
    known = st.session_state.get(_SHOWN)
    if known is not None and known[0] == about and settling(opened, sweep):
        kept: Judged = known[1]
        return kept
    found = _judged(opened.db, opened.db.generation(), sweep, measure)
    st.session_state[_SHOWN] = (about, found)
    return found


@lru_cache(maxsize=16)
def _judged(db: Database, generation: tuple[int, ...], sweep: SweepSpec, measure: str) -> Judged:
    from engine.verdicts.curves import Curves
    from engine.verdicts.library import judge_settled

    def read(runs: Sequence[RunSpec]) -> "Curves":
        return Curves.of(queries.curves(db, runs), runs)

    verdicts, curves = judge_settled(sweep, read, measure=measure)
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
    if verdict.settle is not None:
        _settle(opened, sweep, verdict.settle, number)


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


def _settle(opened: Services, sweep: SweepSpec, settle: "Settle", number: int) -> None:
    """Draw what would settle a verdict, at which price, and the button that trains it, or how far that is."""
    other = settle.sweep
    progress = services.progress(opened.db, other)
    job = services.job_of(opened.queue, other)
    if job is not None:
        if other not in _submitted(sweep):  # the page was left and opened again meanwhile: it watches on
            _watch(sweep, other)
            st.rerun()
        left = text.duration(progress.seconds_left)
        st.caption(f"Training what settles it: {settle.words}. {left[0].upper()}{left[1:]} left.")
        st.progress(progress.done(job.runs))
        return

    def train() -> None:
        services.train(opened, other)
        _watch(sweep, other)

    seconds = text.duration(progress.seconds)
    about = seconds if seconds.startswith("under") else f"about {seconds}"
    refused = services.refusal(opened, progress.missing)
    words = settle.words[0].upper() + settle.words[1:]
    st.caption(f"{words}: {text.plural(len(progress.missing), 'run')}, {about}")
    st.button(
        "Settle it",
        key=f"settle-{number}",
        icon=":material/gavel:",
        help=refused or "Trains these runs, then judges again.",
        disabled=bool(refused) or not progress.missing,
        on_click=acts.of(opened.db, train),
    )
