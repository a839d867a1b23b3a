"""The frame around every page: its configuration, the list of pages, and the one that was asked for."""

from pathlib import Path

import streamlit as st

from engine.base.language import _
from pages.ui import notices

UI = Path(__file__).parent / "ui"

st.set_page_config(page_title="Scalescope", page_icon=str(UI / "icon.svg"), layout="wide", initial_sidebar_state=300)
st.logo(str(UI / "logo.svg"), icon_image=str(UI / "icon.svg"))
page = st.navigation(
    [
        st.Page("explore.py", title=_("Explore"), icon=":material/show_chart:", default=True),
        st.Page("compare.py", title=_("Compare"), icon=":material/stacked_line_chart:"),
        st.Page("laws.py", title=_("Scaling laws"), icon=":material/trending_down:"),
        st.Page("library.py", title=_("Library"), icon=":material/inventory_2:"),
    ],
    position="top",
)
notices.draw()
page.run()
