"""Follow-up runs, which settle what is asked of a sweep: their price, the button that trains them, how far they are."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from engine.base.language import _, _n
from engine.spec.sweep import SweepSpec
from pages.ui import actions, jobs, reads, text
from pages.ui.services import Services

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.verdict import FollowUp

T = TypeVar("T")
_SUBMITTED = "follow_up.submitted"
"""Where a session keeps which follow-up sweeps it submitted, by the key of the sweep that they are for."""


def active(opened: Services, sweep: SweepSpec) -> bool:
    """Return whether follow-up runs that this session submitted for `sweep` are in training."""
    return any(jobs.active(opened, other) for other in _submitted(sweep))


def steady(opened: Services, sweep: SweepSpec, key: str, about: object, make: Callable[[], T]) -> T:
    """Return the result of `make`; while follow-up runs train, its last result `about` the same, without flicker.

    `key`: where the session keeps it.
    """
    known = st.session_state.get(key)
    if known is not None and known[0] == about and active(opened, sweep):
        shown: T = known[1]
        return shown
    found = make()
    st.session_state[key] = (about, found)
    return found


def draw(
    opened: Services, sweep: SweepSpec, settle: "FollowUp", *, label: str, icon: str, then: str, doing: str, key: str
) -> None:
    """Draw the follow-up runs and their price, with the button that trains them, or how far they are.

    `then`: the sentence on what the button does; `doing`: what goes on while they train.
    """
    other = settle.sweep
    progress = reads.progress(opened.db, other)
    job = jobs.job_of(opened.queue, other)
    if job is not None:
        if other not in _submitted(sweep):  # the page was left and opened again meanwhile: it watches on
            _watch(sweep, other)
            st.rerun()
        time = text.capital(text.duration(progress.seconds_left))
        st.caption(_("{doing}: {runs}. {time} left.", doing=doing, runs=settle.words, time=time))
        st.progress(progress.done(job.runs))
        return

    def train() -> None:
        jobs.train(opened, other)
        _watch(sweep, other)

    refused = jobs.refusal(opened, progress.missing)
    runs = {"runs": text.capital(settle.words), "time": text.about(progress.seconds)}
    st.caption(_n("{runs}: {n:,} run, {time}", "{runs}: {n:,} runs, {time}", len(progress.missing), **runs))
    st.button(
        label,
        key=key,
        icon=icon,
        help=refused or then,
        disabled=bool(refused) or not progress.missing,
        on_click=actions.of(opened.db, train),
    )


def _submitted(sweep: SweepSpec) -> Sequence[SweepSpec]:
    found: dict[str, tuple[SweepSpec, ...]] = st.session_state.get(_SUBMITTED, {})
    return found.get(sweep.key, ())


def _watch(sweep: SweepSpec, other: SweepSpec) -> None:
    known = st.session_state.get(_SUBMITTED, {})
    st.session_state[_SUBMITTED] = known | {sweep.key: (*_submitted(sweep), other)}
