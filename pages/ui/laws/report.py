"""What a law says of runs: the chart, how it did unseen, its estimates, what to train next, the laws beside it."""

from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from engine.laws import catalog, optimum
from engine.laws.observations import Observations
from engine.laws.result import Fit
from pages.ui import text
from pages.ui.chart import chart
from pages.ui.laws import fits, words
from pages.ui.laws.question import FACTORS, Asked
from pages.ui.laws.table import Table
from pages.ui.views import law_curves
from pages.ui.views.strokes import Look

_MORE = "laws.more"
OF_COMPUTE = ("chinchilla", "isoflop", "envelope")
"""Laws that say which size suits a budget."""


def draw(table: Table, asked: Asked) -> None:
    """Draw everything there is to say; what cannot be fitted is said in words, and its runs are drawn alone."""
    try:
        rows = table.observed(asked)
    except ValueError as problem:
        st.warning(text.literal(sentence(problem)), icon=":material/block:")
        return
    try:
        with st.spinner("Fitting…", show_time=False):
            fit = fits.fitted(asked, rows)
    except ValueError as problem:
        st.warning(f"**No fit.** {text.literal(sentence(problem))}", icon=":material/block:")
        look = _look(table, asked, refused=True)
        figure = (
            law_curves.isoflop(rows, None, look)
            if asked.law.startswith("isoflop")
            else law_curves.curve(rows, None, look)
        )
        _chart("main", figure, words.alt(rows, None, table, asked))
        _details(rows, table, None)
        return
    refused = words.refusals(fit)
    look = _look(table, asked, refused=bool(refused))
    if refused:
        _refuse(refused)
    left, right = st.columns([8, 5], gap="medium")
    with left:
        _main(rows, fit, table, asked, look)
    with right:
        _unseen(fit)
        _next(fit, table, asked, look)
        if "d" not in asked.needs:
            _smallest(rows, table, rising=asked.y.endswith("accuracy"))
    left, right = st.columns([8, 5], gap="medium")
    with left:
        if fit.law in OF_COMPUTE:
            _frontier(fit, look)
        _residuals(fit, look)
    with right:
        _estimates(fit)
        _details(rows, table, fit)
    _compare(rows, asked)


def sentence(problem: ValueError) -> str:
    """Return what an engine's ValueError says, begun as a sentence."""
    said = str(problem)
    return f"{said[0].upper()}{said[1:]}"


def _look(table: Table, asked: Asked, *, refused: bool) -> Look:
    return Look(size=table.size, loss=table.loss, share=table.share, more=asked.more, refused=refused)


def _refuse(refused: tuple[str, ...]) -> None:
    reasons = "\n".join(f"- {text.literal(reason)}" for reason in refused)
    st.warning(f"**These runs do not support this law.**\n{reasons}", icon=":material/block:")


def _main(rows: Observations, fit: Fit, table: Table, asked: Asked, look: Look) -> None:
    if fit.law == "isoflop":
        figure = law_curves.isoflop(rows, fit, look)
    elif fit.law == "envelope":
        figure = law_curves.training_curves(rows, fit, look)
    elif fit.law == "chinchilla":
        figure = law_curves.by_compute(rows, fit, fits.frontier(fit, look.more), look)
    elif len(fit.inputs) > 1:
        figure = law_curves.against(rows, fit, look)
    else:
        figure = law_curves.curve(rows, fit, look)
    _chart("main", figure, words.alt(rows, fit, table, asked))
    st.caption(text.literal(words.marks(fit, table, asked, look)))


def _chart(key: str, figure: go.Figure, alt: str, height: int = 440) -> None:
    chart(figure, key=f"laws-{key}", alt=alt, name=f"scalescope-law-{key}", height=height)


def _unseen(fit: Fit) -> None:
    """Draw the error on what was held out, beside that on what was seen and that of a flat line."""
    if held := fit.held_out:
        errors = (
            ("Unseen", held.error, "How far off the law is, on average, on the largest, which it had not seen."),
            ("Seen", held.in_sample_error, "The same on what it was fitted to."),
            ("Flat line", held.flat_error, "No law at all: the largest that was seen, for everything unseen."),
        )
        st.markdown("**How far off is it?**")
        for column, (label, error, said) in zip(st.columns(3, gap="small", wrap=False), errors, strict=True):
            column.metric(label, words.percent(error), help=said)
    st.caption(words.held_out(fit))


def _estimates(fit: Fit) -> None:
    share = f"{100 * fit.level:.0f} % interval"
    intervals = fit.intervals
    found = pd.DataFrame(
        {
            "": name,
            "Estimate": words.number(value),
            share: words.span(*intervals[name]) if name in intervals else "–",
            "Meaning": words.meaning(fit, name),
        }
        for name, value in fit.estimates.items()
    )
    st.markdown(f"**{text.literal(fit.formula)}**")
    st.table(found, border="horizontal", hide_index=True, alt="Table of estimates")


def _frontier(fit: Fit, look: Look) -> None:
    figure = law_curves.frontier(fit, fits.frontier(fit, look.more), look)
    exponent = words.number(fit.estimates["a"])
    said = f"Chart of the compute-optimal size against training compute: exponent {exponent}."
    _chart("frontier", figure, said, height=380)


def _residuals(fit: Fit, look: Look) -> None:
    off = float(abs(fit.residuals).max())
    _chart(
        "residuals", law_curves.residuals(fit, look), f"Chart of residuals, at most {words.percent(off)}.", height=300
    )


def _next(fit: Fit, table: Table, asked: Asked, look: Look) -> None:
    """Answer what to train next, with intervals, or refuse to."""
    of_compute = fit.law in OF_COMPUTE
    what = "compute" if of_compute else "size"
    if fit.law == "data-constrained":  # the best size for a budget depends on how much of the data is new
        return
    st.markdown(
        "**What should I train with more compute?**" if of_compute else f"**What would {_larger(table)} reach?**"
    )
    st.segmented_control(
        f"How much more {what}",
        FACTORS,
        format_func=lambda factor: f"{factor} ×",
        required=True,
        key=_MORE,
        label_visibility="collapsed",
        persist_state="session",
    )
    plan = fits.plan(fit, look.more) if of_compute else None
    refused = words.refusals(fit)
    refused += tuple(one for one in plan.refusals if one not in fit.refusals) if plan else ()  # too far ahead
    if refused:
        st.warning(f"No answer: {text.literal(refused[0])}", icon=":material/block:")
    elif plan is not None:
        budget = f"{text.flops(plan.compute.value)}, {look.more:g} × the most that was seen"
        st.caption(f"With {budget}, the law says to train:")
        found = pd.DataFrame(
            words.planned(plan, table, asked, look), columns=["", "Best", f"{100 * fit.level:.0f} % interval"]
        )
        st.table(found, border="horizontal", hide_index=True, alt="Table of what to train")
    else:
        largest = look.more * fit.seen["n"][1]
        said = words.forecast(fit.forecast(n=largest), look)
        st.markdown(
            f"With {text.count(largest)} {table.size}, {look.more:g} × the largest seen, the law says **{said}**."
        )


def _larger(table: Table) -> str:
    return "more data" if "examples" in table.size else "a larger model"


def _smallest(rows: Observations, table: Table, *, rising: bool) -> None:
    st.markdown("**Which is the smallest that is good enough?**")
    try:
        found = optimum.smallest_within_one_error(replace(rows, loss=1 - rows.loss) if rising else rows)
    except ValueError as problem:
        st.caption(text.literal(sentence(problem)))
    else:
        st.markdown(words.smallest(found, table, rising=rising))


def _compare(rows: Observations, asked: Asked) -> None:
    """Draw the laws of the same rows by how they did on what they had not seen."""
    st.markdown("**Which law predicts the loss best, unseen?**")
    place = st.empty()
    ranked = []
    for law in fits.comparable(rows):
        place.caption(f"Fitting: {words.TITLES[law].lower()} …")  # and here a click is heard
        ranked.append(fits.ranked(law, rows))
    ranked.sort(key=lambda one: one.held_out_error)
    flat = next(one.held_out_error for one in ranked if one.name == "flat")
    lines = [_compared(one, flat, shown=one.name == asked.law) for one in ranked]
    place.dataframe(
        pd.DataFrame(lines),
        column_config={"What speaks against it": st.column_config.TextColumn(width="large")},
        hide_index=True,
        alt="Table of laws by their error on what was held out",
    )


def _compared(one: catalog.Ranked, flat: float, *, shown: bool) -> dict[str, str]:
    held = one.fit.held_out if one.fit else None
    against = one.refusal and sentence(ValueError(one.refusal))
    if one.fit is not None and one.name != "flat":
        against = words.titled(" ".join(one.fit.refusals)) or "Nothing found."
    beats = "the baseline" if one.name == "flat" else "better" if one.held_out_error < flat else "not better"
    return {
        "Law": words.TITLES[one.name] + (" (shown)" if shown else ""),
        "Unseen": words.percent(one.held_out_error),
        "Seen": words.percent(held.in_sample_error) if held else "–",
        "Than a flat line": beats if held else "–",
        "What speaks against it": against,
    }


def _details(rows: Observations, table: Table, fit: Fit | None) -> None:
    st.markdown("**What was fitted, and what was left out**")
    st.markdown("\n".join(f"- {text.literal(one)}" for one in words.dropped(rows, table, fit)))
