"""Runs that settle what is asked of a sweep: their price, the button that trains them, how far they are."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from engine.spec.sweep import SweepSpec
from pages.ui import actions, services, text
from pages.ui.services import Services

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.verdict import FollowUp

T = TypeVar("T")
_SUBMITTED = "settling.submitted"
"""Where a session keeps which sweeps were submitted to settle something, by the key of the sweep it is on."""


def active(opened: Services, sweep: SweepSpec) -> bool:
    """Return whether runs that this session submitted to settle something on `sweep` are in training."""
    return any(services.active(opened, other) for other in _submitted(sweep))


def kept(opened: Services, sweep: SweepSpec, key: str, about: object, make: Callable[[], T]) -> T:
    """Return what `make` makes; while runs that settle train, what it made last `about` the same: it would flicker."""
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
    """Draw what would settle something, at which price, and the button that trains it, or how far that is.

    `then` says what follows the training, `doing` what it is while it goes on.
    """
    other = settle.sweep
    progress = services.progress(opened.db, other)
    job = services.job_of(opened.queue, other)
    if job is not None:
        if other not in _submitted(sweep):  # the page was left and opened again meanwhile: it watches on
            _watch(sweep, other)
            st.rerun()
        left = text.duration(progress.seconds_left)
        st.caption(f"{doing}: {settle.words}. {left[0].upper()}{left[1:]} left.")
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
        label,
        key=key,
        icon=icon,
        help=refused or f"Trains these runs, then {then}.",
        disabled=bool(refused) or not progress.missing,
        on_click=actions.of(opened.db, train),
    )


def _submitted(sweep: SweepSpec) -> Sequence[SweepSpec]:
    found: dict[str, tuple[SweepSpec, ...]] = st.session_state.get(_SUBMITTED, {})
    return found.get(sweep.key, ())


def _watch(sweep: SweepSpec, other: SweepSpec) -> None:
    known = st.session_state.get(_SUBMITTED, {})
    st.session_state[_SUBMITTED] = known | {sweep.key: (*_submitted(sweep), other)}
