"""Diagnostics beneath the verdict cards: labels learned, bias and variance by size; whether the rate was wrong."""

from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from pages.ui import reads, text
from pages.ui.cached import by_generation
from pages.ui.chart import chart
from pages.ui.explore import follow_up
from pages.ui.grid import grid
from pages.ui.measures import AXES
from pages.ui.services import Services
from pages.ui.views import by_size
from store.db.connection import Database
from store.results import queries

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.by_size import BySize
    from engine.verdicts.rates import Rates, Rung

OPEN = "by-size"
"""Key of the expander: what is in it is computed once it is open."""
_SIZES, _RATES = "diagnostics.sizes", "diagnostics.rates"
"""Key in the session state of the last tables drawn, with their sweep."""
_LOOKS = {
    "right": (_("Not wrong"), ":material/check_circle:", "green"),
    "wrong": (_("Wrong"), ":material/error:", "orange"),
}
_HEIGHT = 340


def draw(opened: Services, sweep: SweepSpec) -> None:
    """Draw what can be opened by size, and the card of the learning rate."""
    with st.expander(_("By size: labels memorised, bias and variance"), key=OPEN, on_change="rerun") as shown:
        if shown.open:
            _by_size(opened, sweep)
    with st.container(border=True, gap="xsmall", key="learning-rate"):
        _rate(opened, sweep)


def _by_size(opened: Services, sweep: SweepSpec) -> None:
    found = follow_up.steady(opened, sweep, _SIZES, sweep.key, lambda: _sizes(opened.db, sweep))
    if not found:
        st.caption(_("No run of it has finished."))
        return
    part = found[0]
    if len(found) > 1:
        number = st.selectbox(_("Curve"), range(len(found)), format_func=lambda place: found[place].series)
        part = found[number]
    left, right = st.columns(2, gap="medium")
    with left:
        if part.learned:
            _chart("labels", by_size.labels(part.learned, part.axis))
            st.caption(_("Of the training labels, how many are answered as given; bars: 95 % over seeds."))
        else:
            st.caption(_("Labels memorised are counted where there is label noise and answers are classes."))
    with right:
        if part.parts:
            numbers = grid(sweep).losses <= {"mse"}
            answers = _("predictions") if numbers else _("predicted probabilities")
            _chart("parts", by_size.parts(part.parts, part.axis, answers))
            st.caption(
                _("Bias² is what the mean of all seeds gets wrong, variance how seeds differ: they sum to the error.")
            )
        if part.note:
            st.caption(_("Bias and variance: {note}", note=text.literal(part.note)))


def _chart(key: str, figure: go.Figure) -> None:
    chart(figure, key=f"by-size-{key}", alt=by_size.alt(figure), name=f"scalescope-{key}", height=_HEIGHT)


@by_generation(maxsize=16)
def _sizes(db: Database, sweep: SweepSpec) -> tuple["BySize", ...]:
    from engine.verdicts.by_size import summarize_by_size
    from engine.verdicts.claims import curves_with_follow_up

    return summarize_by_size(
        sweep,
        curves_with_follow_up(sweep, lambda runs: reads.curves(db, runs)),
        lambda runs: queries.predictions(db, runs),
    )


def _rate(opened: Services, sweep: SweepSpec) -> None:
    from engine.verdicts.rates import rate_follow_up

    rates = follow_up.steady(opened, sweep, _RATES, sweep.key, lambda: _rates(opened.db, sweep))
    st.markdown(_("**Learning rate**"), help=_("Size, or the rate? Judged on validation loss, over seeds."))
    if rates is None:
        follow_up.draw(
            opened,
            sweep,
            rate_follow_up(sweep),
            label=_("Check the learning rate"),
            icon=":material/speed:",
            then=_("Trains these runs, then says for which sizes the rate was wrong."),
            doing=_("Training what checks it"),
            key="check-rate",
        )
        return
    words, icon, color = _LOOKS[rates.answer]
    st.badge(words, icon=icon, color=color)  # type: ignore[arg-type]  # one of its names
    st.markdown(text.literal(rates.sentence))
    st.dataframe(
        rungs(rates),
        column_config={
            _("Cost"): st.column_config.TextColumn(
                help=_("Validation loss at the rate used minus that at the best rate tried, with its 95 % interval.")
            )
        },
        hide_index=True,
        width="content",
        alt=_("The best learning rate of each size checked"),
    )


@by_generation(maxsize=16)
def _rates(db: Database, sweep: SweepSpec) -> "Rates | None":
    from engine.verdicts.rates import check_rates

    return check_rates(sweep, lambda runs: reads.curves(db, runs))


def rungs(rates: "Rates") -> pd.DataFrame:
    """Return a row per size checked: the best rate, the one used, and what that costs."""
    return pd.DataFrame(
        {
            AXES[rates.axis]: [rung.size for rung in rates.rungs],
            _("Best rate"): [_best(rung) for rung in rates.rungs],
            _("Rate used"): [f"{rates.rate:.3g}"] * len(rates.rungs),
            _("Cost"): [_cost(rung) for rung in rates.rungs],
        }
    )


def _best(rung: "Rung") -> str:
    best = f"{rung.best:.2g}"
    return _("{rate} or beyond", rate=best) if rung.edge else best


def _cost(rung: "Rung") -> str:
    if rung.diverged:
        return _("every run diverged")
    value, low, high = (f"{v:.2g}".replace("-", "−") for v in (rung.cost.value, rung.cost.low, rung.cost.high))
    return _("{value} ({low} to {high})", value=value, low=low, high=high) if rung.cost.n > 1 else value
