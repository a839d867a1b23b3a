"""The entry point of `streamlit run app.py`: serves pages/frame.py, and the chart's script beside it."""

import streamlit as st

from pages.ui import assets
from pages.ui.explore.warm_up import warm_up

app = st.App("pages/frame.py", routes=assets.ROUTES, middleware=assets.MIDDLEWARE, lifespan=warm_up)
