"""What a person must know of the store: that it lacks what it held before, that results cannot be taken in."""

from contextlib import suppress
from functools import partial

import streamlit as st

from engine.base.language import _
from pages.ui import actions, reads, services
from store.db.connection import Database
from store.db.errors import StoreError


def draw() -> None:
    """Say what the store lacks, with a button that accepts it; a store that cannot be used is for the page to tell."""
    with suppress(StoreError):
        db = services.opened().db
        actions.say("store")
        lost = reads.lost(db)
        if lost:
            accept = actions.of(db, partial(services.accept_loss, db), at="store")
            st.warning(lost, icon=":material/history:")
            st.button(_("Accept the store as it is"), key="accept-loss", on_click=accept)


def take_in(db: Database) -> None:
    """Move results from the spool into the tables; where that cannot be, say why."""
    if trouble := services.take_in(db):
        st.error(trouble, icon=":material/database_off:")
