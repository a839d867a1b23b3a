"""What training costs, how far it is, and the buttons for it."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from engine.spec.sweep import SweepSpec
from pages.ui import services, text
from pages.ui.services import Grid, Progress, Services
from pages.ui.views import size_words
from store.db.errors import StoreError, in_words

_HELP = {"stop": "Finished runs are kept.", "retry": "Trains the failed runs again."}
_PROBLEM = "training.problem"
"""Where a session keeps the sentence on what the last click could not do."""


def draw(opened: Services, sweep: SweepSpec, progress: Progress, valid: bool) -> None:
    """Draw cost line, buttons and progress for `sweep`; not `valid` means the controls name none."""
    grid = services.grid(sweep)
    job, refused = services.job_of(opened.queue, sweep), ""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="training"):
        if job is None:
            st.caption(cost(grid, progress), width="stretch")
            label = f"Train {text.plural(len(progress.missing), 'run')}" if progress.missing else "All trained"
            refused = services.refusal(opened, progress.missing)
            ready = valid and bool(progress.missing) and not progress.training and not refused
            _button("train", label, "play_arrow", _of(opened, services.train, opened, sweep), disabled=not ready)
        else:
            paused = opened.queue.paused(job)
            st.caption(left(grid, progress, progress.done(job.runs), paused), width="stretch")
            # One button of one width: nothing moves under the pointer when its word changes.
            if paused:
                _button("hold", "Resume", "play_arrow", _of(opened, opened.queue.resume, job.sweep_id), width=112)
            else:
                _button("hold", "Pause", "pause", _of(opened, opened.queue.pause, job.sweep_id), width=112)
            _button("stop", "Stop", "stop", _of(opened, opened.queue.stop, job.sweep_id), width=96)
    if job is None and refused:
        st.warning(refused, icon=":material/memory:")
    if job is not None:
        st.progress(progress.done(job.runs))
        if trouble := opened.supervisor.trouble():
            st.warning(trouble, icon=":material/warning:")
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(problem, icon=":material/database_off:")


def failed(opened: Services, sweep: SweepSpec, table: pd.DataFrame) -> None:
    """Draw which runs failed and why, and one button that tries them again."""
    if said := size_words.failures(table):
        st.warning(said, icon=":material/warning:")
        _button("retry", "Retry", "replay", _of(opened, services.retry, opened, sweep))


def _button(key: str, label: str, icon: str, action: Callable[[], None], **look: Any) -> None:
    """Draw a button whose action runs before anything is drawn: a rerun on the way to it cannot lose the click."""
    look["type"] = "primary" if icon == "play_arrow" else "secondary"
    st.button(label, key=key, icon=f":material/{icon}:", on_click=action, help=_HELP.get(key), **look)


def _of(opened: Services, action: Callable[..., None], *given: object) -> Callable[[], None]:
    """Return the action as a button wants it: what the store cannot do is kept as a sentence."""

    def act() -> None:
        try:
            with in_words(opened.db.file):
                action(*given)
        except StoreError as problem:
            st.session_state[_PROBLEM] = str(problem)

    return act


def cost(grid: Grid, progress: Progress) -> str:
    """Return "33 runs: 31 cached, 2 to train, about 4 s", and the size of the models."""
    total, missing = len(grid.runs), len(progress.missing)
    if progress.training:
        todo = f"{missing} being trained by another program, {_about(progress.seconds_left)} left"
    elif missing == 0:
        todo = "all cached, nothing to train"
    else:
        todo = f"{total - missing:,} cached, {missing:,} to train, {_about(progress.seconds)}"
    return f"**{text.plural(total, 'run')}:** {todo} · {_sizes(grid)}"


def left(grid: Grid, progress: Progress, done: float, paused: bool) -> str:
    """Return how far a job is and how long it will take."""
    when = "paused" if paused else f"{_about(progress.seconds_left)} left"
    return f"**{text.plural(len(grid.runs), 'run')}:** {100 * done:.0f} % done, {when} · {_sizes(grid)}"


def _about(seconds: float) -> str:
    said = text.duration(seconds)
    return said if said.startswith("under") else f"about {said}"


def _sizes(grid: Grid) -> str:
    return f"{text.between(*grid.params)} params · {text.flops(grid.flops)} in all"
