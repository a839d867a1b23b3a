"""What a person must know of the store on every page: that it lacks what it held before."""

from contextlib import suppress

import streamlit as st

from pages.ui import services
from store.db.errors import StoreError


def draw() -> None:
    """Say what the store lacks, with a button that accepts it; a store that cannot be used is for the page to tell."""
    with suppress(StoreError):
        db = services.opened().db
        lost = services.lost(db)
        if lost:
            st.warning(lost, icon=":material/history:")
            if st.button("Accept the store as it is", key="accept-loss"):
                services.accept_loss(db)
                st.rerun()
