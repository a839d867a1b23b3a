"""What compared sweeps and imported collections show: their curves on one axis, and the settings that differ."""

from collections.abc import Collection, Mapping

import pandas as pd
import streamlit as st

from engine.base.language import _
from engine.spec.sweep import SweepSpec
from pages.ui import reads, summary, text
from pages.ui.chart import chart
from pages.ui.compare import differences
from pages.ui.imports import curves
from pages.ui.services import Services
from pages.ui.summary import View
from pages.ui.views import size_curve, size_words


def draw(
    opened: Services, sweeps: Mapping[str, SweepSpec], imported: pd.DataFrame, view: View, losses: Collection[str]
) -> None:
    """Draw the curves of all sweeps and imported collections, and the settings in which the sweeps differ.

    `sweeps` are by name; `losses` are what their training minimises.
    """
    tables = curves.tables(opened, imported, view)
    losses = () if tables else losses  # nobody said what unit those of imported runs have
    tables += [_table(opened, name, sweep, view) for name, sweep in sweeps.items()]
    named = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if named.empty:
        curves.draw(imported)
        return
    chart(
        size_curve.size_curve(named, view, losses, split_known=bool(sweeps)),
        key="compared",
        alt=size_words.alt(named, view, losses),
        name="scalescope-compare",
        height=430 + 24 * named["series"].nunique(),
    )
    st.caption(text.literal(f"{size_words.marks(named, view)} {size_words.threshold(named, view)}"))
    curves.draw(imported)
    if len(sweeps) > 1:
        _differences(sweeps)


def _table(opened: Services, name: str, sweep: SweepSpec, view: View) -> pd.DataFrame:
    """Return the runs of a sweep under its name; say so where there are none."""
    table = reads.table(opened.db, sweep, view.at, view.by)
    if table.empty:
        said = _("“{name}” has no results yet: open it in Explore and press Train.", name=text.literal(name))
        st.info(said, icon=":material/hourglass_empty:")
    series = summary.series(sweep, table["key"], view.x)
    return table.assign(series=[f"{name} · {curve}" if curve else name for curve in series])


def _differences(sweeps: Mapping[str, SweepSpec]) -> None:
    found = differences.table(sweeps)
    if found.empty:
        st.markdown(_("These sweeps have the same settings."))
        return
    if len(found) > 1:
        st.warning(differences.notice(found), icon=":material/balance:")
    st.markdown(_("**Settings in which they differ**"))
    st.table(found.rename(columns=text.literal))
