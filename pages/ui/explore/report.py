"""What a sweep's results say: the curve, what its marks mean, what went wrong, and the table of runs."""

import pandas as pd
import streamlit as st

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from pages.ui import known_sweeps, summary
from pages.ui.chart import chart
from pages.ui.grid import grid
from pages.ui.measures import STATES
from pages.ui.summary import View
from pages.ui.views import size_curve, size_words

_COLUMNS = {
    "series": st.column_config.TextColumn(_("Curve")),
    "width": st.column_config.NumberColumn(_("Width")),
    "depth": st.column_config.NumberColumn(_("Depth")),
    "seed": st.column_config.NumberColumn(_("Seed")),
    "params": st.column_config.NumberColumn(_("Params"), format="localized"),
    "test_error": st.column_config.NumberColumn(_("Test error"), format="percent"),
    "train_error": st.column_config.NumberColumn(_("Train error"), format="percent"),
    "test_loss": st.column_config.NumberColumn(_("Test loss"), format="%.4f"),
    "train_loss": st.column_config.NumberColumn(_("Train loss"), format="%.4f"),
    "val_error": st.column_config.NumberColumn(_("Validation error"), format="percent"),
    "val_loss": st.column_config.NumberColumn(_("Validation loss"), format="%.4f"),
    "step": st.column_config.NumberColumn(_("Step")),
    "examples_seen": st.column_config.NumberColumn(_("Examples seen"), format="localized"),
    "flops_spent": st.column_config.NumberColumn(
        _("FLOPs"), format="scientific", help=_("Of the training steps up to the one shown.")
    ),
    "seconds": st.column_config.NumberColumn(
        _("Seconds"),
        format="%.2f",
        help=_("Up to the step shown: wall time of all runs that trained together, divided by their number."),
    ),
    "state": st.column_config.TextColumn(_("State")),
}
_EMPTY = _("Nothing of this is trained yet. Press Train, and watch the curve appear here.")
_BEGUN = _("Training begins: the first points appear here in a few seconds.")


def draw(sweep: SweepSpec, table: pd.DataFrame, view: View, *, active: bool) -> bool:
    """Draw chart and captions of what the store has of `sweep`; return whether the chart stands."""
    if table.empty:
        st.info(_BEGUN if active else _EMPTY, icon=":material/show_chart:")
        return False
    named = table.assign(series=summary.series(sweep, table["key"], view.x))
    curves = named["series"].nunique()
    height = 430 + (24 * curves if curves > 1 else 0)  # room for their names beneath
    losses = grid(sweep).losses
    stands = chart(
        size_curve.size_curve(named, view, losses), key="curve", alt=size_words.alt(named, view, losses), height=height
    )
    st.caption(" ".join([size_words.marks(named, view), size_words.threshold(named, view)]))
    for sentence in size_words.troubles(named):
        st.warning(sentence, icon=":material/warning:")
    if finding := known_sweeps.finding(sweep):
        st.caption(_("**What to see.** {finding}", finding=finding))
    return stands


def draw_table(sweep: SweepSpec, table: pd.DataFrame, view: View) -> None:
    """Draw the runs as a table, with a button that downloads them."""
    named = table.assign(series=summary.series(sweep, table["key"], view.x))
    losses, many = grid(sweep).losses, named["series"].nunique() > 1
    columns = {name: column for name, column in _COLUMNS.items() if many or name != "series"}
    st.dataframe(
        named.assign(state=[STATES.get(state, state) for state in named["state"]]),
        column_order=list(columns),
        column_config=columns,
        hide_index=True,
        height=min(36 * (len(named) + 1), 420),
        alt=_("Table of runs"),
    )

    def csv() -> bytes:
        text: str = summary.exported(named, losses).to_csv(index=False)
        return text.encode()

    st.download_button(
        _("Download all columns (CSV)"),
        csv() if len(named) <= 500 else csv,
        "scalescope-runs.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
