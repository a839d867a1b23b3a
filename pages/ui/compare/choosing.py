"""The choice of saved sweeps: which are offered, which are chosen, and what to do where there are too few."""

import streamlit as st

from engine.base.language import _
from pages.ui import link, reads
from pages.ui.services import Services

_PICKED = "compare.sweeps"
_PAIR = (link.OPENING, "digits-clean-labels")
"""Presets that an address without sweeps shows: they differ in one setting."""


def arrive(opened: Services, params: dict[str, str]) -> list[str]:
    """Choose the sweeps that `params` name, taking them out; return sentences on those that are not saved here."""
    if not params:
        pair = tuple(link.preset(name).key for name in _PAIR)
        params["sweeps"] = ",".join(reads.names(opened.db, pair))
    asked = [key for key in params.pop("sweeps", "").split(",") if key]
    names = reads.names(opened.db, tuple(asked))
    st.session_state[_PICKED] = list(names)
    return [_("sweeps={key} is not a saved sweep here.", key=key[:40]) for key in asked if key not in names]


def keep_known(opened: Services) -> None:
    """Leave out of the choice the sweeps that were deleted meanwhile."""
    st.session_state[_PICKED] = list(reads.names(opened.db, tuple(st.session_state[_PICKED])))


def pick(opened: Services) -> dict[str, str]:
    """Draw the choice, with a search where there are very many sweeps; return the names of those chosen, by id.

    What is archived is not offered, but stays where a link names it.
    """
    titles, total = reads.titles(opened.db)
    if total > len(titles):
        words = st.text_input(
            _("Search"),
            key="compare.search",
            type="search",
            live=True,
            placeholder=_("{total:,} sweeps are saved: words in name, note, tags, data set, architecture", total=total),
            persist_state="session",
        )
        titles = reads.titles(opened.db, str(words or ""))[0]
    names = reads.names(opened.db, tuple(st.session_state[_PICKED])) | titles
    picked = st.multiselect(
        _("Sweeps"),
        list(names),
        format_func=names.__getitem__,
        key=_PICKED,
        placeholder=_("Choose two or more saved sweeps"),
        persist_state="session",
    )
    return {key: names[key] for key in picked}


def advice(opened: Services, picked: int) -> str:
    """Return what to do where fewer than two curves are chosen."""
    if reads.titles(opened.db)[1] < 2:
        return _(
            "Compare needs two saved sweeps. A sweep is saved when you press Train in Explore: "
            "change one setting there, for instance the label noise, and train again."
        )
    if picked:
        return _("Choose one more sweep.")
    return _("Choose two or more sweeps above to see their curves on one size axis.")
