"""What training costs, how far it is, and the buttons for it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from engine.base.language import _, _n
from engine.queue.jobs import Job
from engine.spec.sweep import SweepSpec
from pages.ui import actions, jobs, text
from pages.ui.grid import Grid, grid
from pages.ui.progress import Progress
from pages.ui.services import Services
from pages.ui.views import size_words

_AT = "training"
"""Name of the part of the page in which the sentences about clicks here stand."""


def draw(opened: Services, sweep: SweepSpec, progress: Progress, valid: bool) -> None:
    """Draw cost line, buttons and progress for `sweep`; not `valid` means the controls name none."""
    job, refused = jobs.job_of(opened.queue, sweep), ""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="training"):
        if job is None:
            refused = jobs.refusal(opened, progress.missing)
            _idle(opened, sweep, progress, ready=valid and not refused)
        else:
            _busy(opened, sweep, progress, job)
    if job is None and refused:
        st.warning(refused, icon=":material/memory:")
    if job is not None:
        st.progress(progress.done(job.runs))
        if trouble := opened.supervisor.trouble():
            st.warning(trouble, icon=":material/warning:")
    actions.say(_AT)


def _idle(opened: Services, sweep: SweepSpec, progress: Progress, *, ready: bool) -> None:
    missing = len(progress.missing)
    st.caption(cost(grid(sweep), progress), width="stretch")
    label = _n("Train {n:,} run", "Train {n:,} runs", missing) if missing else _("All trained")
    train = actions.of(opened.db, partial(jobs.train, opened, sweep), at=_AT)
    _button("train", label, "play_arrow", train, disabled=not (ready and missing and not progress.training))


def _busy(opened: Services, sweep: SweepSpec, progress: Progress, job: Job) -> None:
    def action(does: Callable[[str], None]) -> Callable[[], None]:
        return actions.of(opened.db, partial(does, job.sweep_id), at=_AT)

    paused = opened.queue.paused(job)
    st.caption(left(grid(sweep), progress, progress.done(job.runs), paused), width="stretch")
    # One button of one width: nothing moves under the pointer when its word changes.
    if paused:
        _button("hold", _("Resume"), "play_arrow", action(opened.queue.resume), width=112)
    else:
        _button("hold", _("Pause"), "pause", action(opened.queue.pause), width=112)
    _button("stop", _("Stop"), "stop", action(opened.queue.stop), help=_("Finished runs are kept."), width=96)


def failed(opened: Services, sweep: SweepSpec, table: pd.DataFrame) -> None:
    """Draw which runs failed and why, and one button that tries them again."""
    if said := size_words.failures(table):
        st.warning(said, icon=":material/warning:")
        retry = actions.of(opened.db, partial(jobs.retry, opened, sweep), at=_AT)
        _button("retry", _("Retry"), "replay", retry, help=_("Trains the failed runs again."))


def _button(key: str, label: str, icon: str, action: Callable[[], None], **look: Any) -> None:
    look["type"] = "primary" if icon == "play_arrow" else "secondary"
    st.button(label, key=key, icon=f":material/{icon}:", on_click=action, **look)


def cost(grid: Grid, progress: Progress) -> str:
    """Return "33 runs: 31 cached, 2 to train, about 4 s", and the size of the models."""
    total, missing = len(grid.runs), len(progress.missing)
    if progress.training:
        time = text.about(progress.seconds_left)
        todo = _("{n} being trained by another program, {time} left", n=missing, time=time)
    elif missing == 0:
        todo = _("all cached, nothing to train")
    else:
        time = text.about(progress.seconds)
        todo = _("{cached:,} cached, {missing:,} to train, {time}", cached=total - missing, missing=missing, time=time)
    return _line(grid, todo)


def left(grid: Grid, progress: Progress, done: float, paused: bool) -> str:
    """Return how far a job is and how long it will take."""
    if paused:
        return _line(grid, _("{percent:.0f} % done, paused", percent=100 * done))
    time = text.about(progress.seconds_left)
    return _line(grid, _("{percent:.0f} % done, {time} left", percent=100 * done, time=time))


def _line(grid: Grid, said: str) -> str:
    """Return `said` of the runs, with their number before it and the size of the models behind it."""
    runs = _n("{n:,} run:", "{n:,} runs:", len(grid.runs))
    flops = text.flops(grid.flops)
    sizes = _("{params} params · {flops} in all", params=text.between(*grid.params), flops=flops)
    return f"**{runs}** {said} · {sizes}"
