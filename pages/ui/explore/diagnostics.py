"""Beside the verdict cards: labels learned, bias and variance by size; and whether the learning rate was wrong."""

from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from engine.spec.sweep import SweepSpec
from pages.ui import services, text
from pages.ui.chart import chart
from pages.ui.explore import follow_up
from pages.ui.services import Services
from pages.ui.views import by_size
from store.db.connection import Database
from store.results import queries

if TYPE_CHECKING:  # scipy behind it takes half a second to load, which the first curve does not wait for
    from engine.verdicts.by_size import BySize
    from engine.verdicts.rates import Rates, Rung

OPEN = "by-size"
"""Key of the expander: what is in it is computed once it is open."""
_SHOWN, _RATES = "beside.sizes", "beside.rates"
"""What was drawn last of the two, with the sweep it is of."""
_LOOKS = {"right": ("Not wrong", ":material/check_circle:", "green"), "wrong": ("Wrong", ":material/error:", "orange")}
_COST = "Validation loss at the rate used minus that at the best rate tried, with its 95 % interval."
_HEIGHT = 340


def draw(opened: Services, sweep: SweepSpec) -> None:
    """Draw what there is to open by size, and the card of the learning rate."""
    with st.expander("By size: labels memorised, bias and variance", key=OPEN, on_change="rerun") as shown:
        if shown.open:
            _by_size(opened, sweep)
    with st.container(border=True, gap="xsmall", key="learning-rate"):
        _rate(opened, sweep)


def _by_size(opened: Services, sweep: SweepSpec) -> None:
    found = follow_up.kept(opened, sweep, _SHOWN, sweep.key, lambda: _sizes(opened.db, opened.db.generation(), sweep))
    if not found:
        st.caption("No run of it has finished.")
        return
    part = found[0]
    if len(found) > 1:
        number = st.selectbox("Curve", range(len(found)), format_func=lambda place: found[place].series)
        part = found[number]
    left, right = st.columns(2, gap="medium")
    with left:
        if part.learned:
            _chart("labels", by_size.labels(part.learned, part.axis))
            st.caption("Of the training labels, how many are answered as given; bars: 95 % over seeds.")
        else:
            st.caption("Labels memorised are counted where there is label noise and answers are classes.")
    with right:
        if part.parts:
            numbers = services.grid(sweep).losses <= {"mse"}
            answers = "predictions" if numbers else "predicted probabilities"
            _chart("parts", by_size.parts(part.parts, part.axis, answers))
            st.caption(
                "Bias² is what the mean of all seeds gets wrong, variance how seeds differ: they sum to the error."
            )
        if part.note:
            st.caption(f"Bias and variance: {text.literal(part.note)}")


def _chart(key: str, figure: go.Figure) -> None:
    chart(figure, key=f"by-size-{key}", alt=by_size.alt(figure), name=f"scalescope-{key}", height=_HEIGHT)


@lru_cache(maxsize=16)
def _sizes(db: Database, generation: tuple[int, ...], sweep: SweepSpec) -> tuple["BySize", ...]:
    from engine.verdicts.by_size import summarize_by_size
    from engine.verdicts.claims import curves_with_follow_up

    return summarize_by_size(
        sweep,
        curves_with_follow_up(sweep, lambda runs: services.curves(db, runs)),
        lambda runs: queries.predictions(db, runs),
    )


def _rate(opened: Services, sweep: SweepSpec) -> None:
    from engine.verdicts.rates import rate_follow_up

    rates = follow_up.kept(opened, sweep, _RATES, sweep.key, lambda: _checked(opened.db, opened.db.generation(), sweep))
    st.markdown("**Learning rate**", help="Size, or the rate? Judged on validation loss, over seeds.")
    if rates is None:
        follow_up.draw(
            opened,
            sweep,
            rate_follow_up(sweep),
            label="Check the learning rate",
            icon=":material/speed:",
            then="says for which sizes the rate was wrong",
            doing="Training what checks it",
            key="check-rate",
        )
        return
    words, icon, color = _LOOKS[rates.answer]
    st.badge(words, icon=icon, color=color)  # type: ignore[arg-type]  # one of its names
    st.markdown(text.literal(rates.sentence))
    st.dataframe(
        rungs(rates),
        column_config={"Cost": st.column_config.TextColumn(help=_COST)},
        hide_index=True,
        width="content",
        alt="The best learning rate of each size checked",
    )


@lru_cache(maxsize=16)
def _checked(db: Database, generation: tuple[int, ...], sweep: SweepSpec) -> "Rates | None":
    from engine.verdicts.rates import check_rates

    return check_rates(sweep, lambda runs: services.curves(db, runs))


def rungs(rates: "Rates") -> pd.DataFrame:
    """Return a row per size checked: the best rate, the one used, and what that costs."""
    return pd.DataFrame(
        {
            rates.axis.capitalize(): [rung.size for rung in rates.rungs],
            "Best rate": [f"{rung.best:.2g}{' or beyond' if rung.edge else ''}" for rung in rates.rungs],
            "Rate used": [f"{rates.rate:.3g}" for _ in rates.rungs],
            "Cost": [_cost(rung) for rung in rates.rungs],
        }
    )


def _cost(rung: "Rung") -> str:
    if rung.diverged:
        return "every run diverged"
    between = f" ({rung.cost.low:.2g} to {rung.cost.high:.2g})" if rung.cost.n > 1 else ""
    return f"{rung.cost.value:.2g}{between}".replace("-", "−")
