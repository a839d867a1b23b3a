"""What a click does to the store or the queue, and the sentence about it in the run that follows."""

from collections.abc import Callable

import streamlit as st

from pages.ui import text
from store.db.connection import Database
from store.db.errors import StoreError, in_words


def of(db: Database, action: Callable[[], str | None], *, at: str = "page") -> Callable[[], None]:
    """Return the action as a widget wants it, to run before anything is drawn: a rerun cannot lose the click.

    What the action returns is shown by the next `say` of the same `at`, and so is what is not possible, without error.
    """

    def act() -> None:
        try:
            with in_words(db.file):
                said = (action() or "", "check")
        except ValueError as problem:
            said = (str(problem), "error")
        except StoreError as problem:
            said = (str(problem), "database_off")
        st.session_state[_key(at)] = said

    return act


def say(at: str = "page") -> None:
    """Draw, once, the sentence of the last action `at` this place of the page."""
    sentence, icon = st.session_state.pop(_key(at), ("", ""))
    if sentence:
        show = st.success if icon == "check" else st.error
        show(text.literal(sentence), icon=f":material/{icon}:")


def _key(at: str) -> str:
    return f"said.{at}"
