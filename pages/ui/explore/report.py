"""What a sweep's results say: the curve, what its marks mean, what went wrong, and the table of runs."""

import pandas as pd
import streamlit as st

from engine.spec.sweep import SweepSpec
from pages.ui import services, summary
from pages.ui.chart import chart
from pages.ui.explore import start
from pages.ui.summary import View
from pages.ui.views import size_curve, size_words

_COLUMNS = {
    "series": st.column_config.TextColumn("Curve"),
    "width": st.column_config.NumberColumn("Width"),
    "depth": st.column_config.NumberColumn("Depth"),
    "seed": st.column_config.NumberColumn("Seed"),
    "params": st.column_config.NumberColumn("Params", format="localized"),
    "test_error": st.column_config.NumberColumn("Test error", format="percent"),
    "train_error": st.column_config.NumberColumn("Train error", format="percent"),
    "test_loss": st.column_config.NumberColumn("Test loss", format="%.4f"),
    "train_loss": st.column_config.NumberColumn("Train loss", format="%.4f"),
    "val_error": st.column_config.NumberColumn("Validation error", format="percent"),
    "val_loss": st.column_config.NumberColumn("Validation loss", format="%.4f"),
    "step": st.column_config.NumberColumn("Step"),
    "examples_seen": st.column_config.NumberColumn("Examples seen", format="localized"),
    "flops_spent": st.column_config.NumberColumn(
        "FLOPs", format="scientific", help="Of the training steps up to the one shown."
    ),
    "seconds": st.column_config.NumberColumn(
        "Seconds",
        format="%.2f",
        help="Up to the step shown: wall time of all runs that trained together, divided by their number.",
    ),
    "state": st.column_config.TextColumn("State"),
}


_EMPTY = "Nothing of this is trained yet. Press Train, and watch the curve appear here."
_BEGUN = "Training begins: the first points appear here in a few seconds."


def draw(sweep: SweepSpec, table: pd.DataFrame, view: View, *, active: bool) -> bool:
    """Draw chart and captions of what the store has of `sweep`; return whether the chart stands."""
    if table.empty:
        st.info(_BEGUN if active else _EMPTY, icon=":material/show_chart:")
        return False
    named = table.assign(series=summary.series(sweep, table["key"], view.x))
    curves = named["series"].nunique()
    height = 430 + (24 * curves if curves > 1 else 0)  # room for their names beneath
    losses = services.grid(sweep).losses
    stands = chart(
        size_curve.size_curve(named, view, losses), key="curve", alt=size_words.alt(named, view, losses), height=height
    )
    st.caption(" ".join([size_words.marks(named, view), size_words.threshold(named, view)]))
    for sentence in size_words.troubles(named):
        st.warning(sentence, icon=":material/warning:")
    if found := start.finding(sweep):
        st.caption(f"**What to see.** {found}")
    return stands


def draw_table(sweep: SweepSpec, table: pd.DataFrame, view: View) -> None:
    """Draw the runs as a table, with a button that downloads them."""
    named = table.assign(series=summary.series(sweep, table["key"], view.x))
    losses, many = services.grid(sweep).losses, named["series"].nunique() > 1
    columns = {name: column for name, column in _COLUMNS.items() if many or name != "series"}
    st.dataframe(
        named,
        column_order=list(columns),
        column_config=columns,
        hide_index=True,
        height=min(36 * (len(named) + 1), 420),
        alt="Table of runs",
    )

    def csv() -> bytes:
        text: str = summary.exported(named, losses).to_csv(index=False)
        return text.encode()

    st.download_button(
        "Download all columns (CSV)",
        csv() if len(named) <= 500 else csv,
        "scalescope-runs.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
