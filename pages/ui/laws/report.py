"""What a law says of runs: the chart, its error on what it has not seen, estimates, what to train next, other laws."""

from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from engine.base.language import _, inside
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


def draw(table: Table, asked: Asked) -> None:
    """Draw everything there is to say; what cannot be fitted is said in words, and its runs are drawn alone."""
    try:
        rows = table.observed(asked)
    except ValueError as problem:
        st.warning(text.literal(text.capital(str(problem))), icon=":material/block:")
        return
    try:
        with st.spinner(_("Fitting…"), show_time=False):
            fit = fits.fitted(asked, rows)
    except ValueError as problem:
        said = text.literal(text.capital(str(problem)))
        st.warning(_("**No fit.** {reason}", reason=said), icon=":material/block:")
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
        if fit.law in optimum.WITH_OPTIMUM:
            _frontier(fit, look)
        _residuals(fit, look)
    with right:
        _estimates(fit)
        _details(rows, table, fit)
    _compare(rows, asked)


def _look(table: Table, asked: Asked, *, refused: bool) -> Look:
    return Look(
        size=table.unit,
        loss=table.loss.title,
        share=table.share,
        more=asked.more,
        refused=refused,
        examples=table.size == "dataset_size",
    )


def _refuse(refused: tuple[str, ...]) -> None:
    reasons = "\n".join(f"- {text.literal(reason)}" for reason in refused)
    heading = _("These runs do not support this law.")
    st.warning(f"**{heading}**\n{reasons}", icon=":material/block:")


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
            (_("Unseen"), held.error, _("How far off the law is, on average, on the largest, which it had not seen.")),
            (_("Seen"), held.in_sample_error, _("The same on what it was fitted to.")),
            (_("Flat line"), held.flat_error, _("No law at all: the largest that was seen, for everything unseen.")),
        )
        st.markdown(_("**How far off is it?**"))
        for column, (label, error, said) in zip(st.columns(3, gap="small", wrap=False), errors, strict=True):
            column.metric(label, words.percent(error), help=said)
    st.caption(words.held_out(fit))


def _estimates(fit: Fit) -> None:
    intervals = fit.intervals
    found = pd.DataFrame(
        {
            "": name,
            _("Estimate"): words.number(value),
            _interval(fit): words.span(*intervals[name]) if name in intervals else "–",
            _("Meaning"): words.meaning(fit, name),
        }
        for name, value in fit.estimates.items()
    )
    st.markdown(f"**{text.literal(fit.formula)}**")
    st.table(found, border="horizontal", hide_index=True, alt=_("Table of estimates"))


def _interval(fit: Fit) -> str:
    return _("{percent:.0f} % interval", percent=100 * fit.level)


def _frontier(fit: Fit, look: Look) -> None:
    figure = law_curves.frontier(fit, fits.frontier(fit, look.more), look)
    exponent = words.number(fit.estimates["a"])
    said = _("Chart of the compute-optimal size against training compute: exponent {exponent}.", exponent=exponent)
    _chart("frontier", figure, said, height=380)


def _residuals(fit: Fit, look: Look) -> None:
    off = float(abs(fit.residuals).max())
    said = _("Chart of residuals, at most {error}.", error=words.percent(off))
    _chart("residuals", law_curves.residuals(fit, look), said, height=300)


def _next(fit: Fit, table: Table, asked: Asked, look: Look) -> None:
    """Answer what to train next, with intervals, or refuse to."""
    of_compute = fit.law in optimum.WITH_OPTIMUM
    if fit.law == "data-constrained":  # the best size for a budget depends on how much of the data is new
        return
    st.markdown(f"**{_further(fit, look)}**")
    st.segmented_control(
        _("How much more compute") if of_compute else _("How much more size"),
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
        st.warning(_("No answer: {reason}", reason=text.literal(refused[0])), icon=":material/block:")
    elif plan is not None:
        budget = {"flops": text.flops(plan.compute.value), "times": look.more}
        st.caption(_("With {flops}, {times:g} × the most that was seen, the law says to train:", **budget))
        found = pd.DataFrame(words.planned(plan, table, asked, look), columns=["", _("Best"), _interval(fit)])
        st.table(found, border="horizontal", hide_index=True, alt=_("Table of what to train"))
    else:
        largest = look.more * fit.seen["n"][1]
        said = _(
            "With {count} {unit}, {times:g} × the largest seen, the law says **{loss}**.",
            count=text.count(largest),
            unit=table.unit,
            times=look.more,
            loss=words.forecast(fit.forecast(n=largest), look),
        )
        st.markdown(said)


def _further(fit: Fit, look: Look) -> str:
    """Return the question that a forecast answers."""
    if fit.law in optimum.WITH_OPTIMUM:
        return _("What should I train with more compute?")
    return _("What would more data reach?") if look.examples else _("What would a larger model reach?")


def _smallest(rows: Observations, table: Table, *, rising: bool) -> None:
    st.markdown(_("**Which is the smallest that is good enough?**"))
    try:
        found = optimum.smallest_within_one_error(replace(rows, loss=1 - rows.loss) if rising else rows)
    except ValueError as problem:
        st.caption(text.literal(text.capital(str(problem))))
    else:
        st.markdown(words.smallest(found, table, rising=rising))


def _compare(rows: Observations, asked: Asked) -> None:
    """Draw the laws of the same rows by how they did on what they had not seen."""
    st.markdown(_("**Which law predicts the loss best, unseen?**"))
    place = st.empty()
    ranked = []
    for law in fits.comparable(rows):
        place.caption(_("Fitting: {law} …", law=inside(words.TITLES[law])))  # and here a click is heard
        ranked.append(fits.ranked(law, rows))
    ranked.sort(key=lambda one: one.held_out_error)
    flat = next(one.held_out_error for one in ranked if one.name == "flat")
    lines = [_compared(one, flat, shown=one.name == asked.law) for one in ranked]
    place.dataframe(
        pd.DataFrame(lines),
        column_config={_("What speaks against it"): st.column_config.TextColumn(width="large")},
        hide_index=True,
        alt=_("Table of laws by their error on what was held out"),
    )


def _compared(one: catalog.Ranked, flat: float, *, shown: bool) -> dict[str, str]:
    held = one.fit.held_out if one.fit else None
    against = text.capital(one.refusal)
    if one.fit is not None and one.name != "flat":
        against = words.titled(" ".join(one.fit.refusals)) or _("Nothing found.")
    title = words.TITLES[one.name]
    return {
        _("Law"): _("{law} (shown)", law=title) if shown else title,
        _("Unseen"): words.percent(one.held_out_error),
        _("Seen"): words.percent(held.in_sample_error) if held else "–",
        _("Than a flat line"): _beats(one, flat) if held else "–",
        _("What speaks against it"): against,
    }


def _beats(one: catalog.Ranked, flat: float) -> str:
    """Return whether a law is better than a flat line, whose error is `flat`."""
    if one.name == "flat":
        return _("the baseline")
    return _("better") if one.held_out_error < flat else _("not better")


def _details(rows: Observations, table: Table, fit: Fit | None) -> None:
    st.markdown(_("**What was fitted, and what was left out**"))
    st.markdown("\n".join(f"- {text.literal(one)}" for one in words.dropped(rows, table, fit)))
