"""Fields that rename the sweeps that are compared."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from engine.base.language import _
from pages.ui import actions, text
from pages.ui.services import Services
from store.db.connection import Database
from store.library.sweeps import rename_sweep


def draw(opened: Services, names: Mapping[str, str]) -> None:
    """Draw a field for the name of each sweep; `names` are by id."""
    with st.expander(_("Rename"), icon=":material/edit:"):
        for key, name in names.items():
            st.session_state[_key(key)] = name
            st.text_input(
                _("Name of “{name}”", name=text.literal(name)),
                max_chars=120,
                key=_key(key),
                label_visibility="collapsed",
                on_change=actions.of(opened.db, partial(_rename, opened.db, key)),
            )


def _rename(db: Database, key: str) -> None:
    rename_sweep(db, key, st.session_state[_key(key)])


def _key(sweep_id: str) -> str:
    return f"name.{sweep_id}"
