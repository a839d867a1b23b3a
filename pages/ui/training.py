"""What training costs, how far it is, and the buttons for it."""

import streamlit as st

from engine.spec import SweepSpec
from pages.ui import services, text
from pages.ui.services import Grid, Progress, Services


def draw(opened: Services, sweep: SweepSpec, progress: Progress, valid: bool) -> None:
    """Draw cost line, buttons and progress for `sweep`; not `valid` means the controls name none."""
    grid = services.grid(sweep)
    job = services.job_of(opened.queue, sweep)
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="training"):
        if job is None:
            st.caption(cost(grid, progress), width="stretch")
            label = f"Train {text.plural(len(progress.missing), 'run')}" if progress.missing else "All trained"
            ready = valid and bool(progress.missing) and not progress.training
            if st.button(label, type="primary", icon=":material/play_arrow:", key="train", disabled=not ready):
                services.train(opened, sweep)
                st.rerun()
            return
        paused = opened.queue.paused(job)
        st.caption(left(grid, progress, progress.done(job.runs), paused), width="stretch")
        if paused and st.button("Resume", icon=":material/play_arrow:", type="primary", key="resume"):
            opened.queue.resume(job.sweep_id)
            st.rerun()
        if not paused and st.button("Pause", icon=":material/pause:", key="pause"):
            opened.queue.pause(job.sweep_id)
            st.rerun()
        if st.button("Stop", icon=":material/stop:", key="stop", help="Finished runs are kept."):
            opened.queue.stop(job.sweep_id)
            st.rerun()
    st.progress(progress.done(job.runs))
    if trouble := opened.queue.trouble():
        st.warning(trouble, icon=":material/warning:")


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
    words = text.duration(seconds)
    return words if words.startswith("under") else f"about {words}"


def _sizes(grid: Grid) -> str:
    return f"{text.between(*grid.params)} params · {text.flops(grid.flops)} in all"
