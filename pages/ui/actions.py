"""What a click does to the store, and the sentence about it in the run that follows."""

from collections.abc import Callable

import streamlit as st

from pages.ui import text
from store.db.connection import Database
from store.db.errors import StoreError, in_words

_SAID = "acts.said"


def of(db: Database, action: Callable[[], str | None]) -> Callable[[], None]:
    """Return the action as a widget wants it, to run before anything is drawn; what it returns is said.

    What the store cannot do, and what is not possible, is said too, and no error.
    """

    def act() -> None:
        try:
            with in_words(db.file):
                st.session_state[_SAID] = (action() or "", True)
        except (ValueError, StoreError) as problem:
            st.session_state[_SAID] = (str(problem), False)

    return act


def say() -> None:
    """Draw, once, the sentence of the last action."""
    sentence, done = st.session_state.pop(_SAID, ("", True))
    if sentence:
        said = st.success if done else st.error
        said(text.literal(sentence), icon=":material/check:" if done else ":material/error:")
