"""The table of saved sweeps, and what a person looks for in it: widgets, address, rows that are picked."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from engine.base.language import _, _n
from pages.ui import text
from store.library import listing

_KEY = "library"
_PICKED = "library.picked"
"""Where a session keeps which sweeps are picked: a table forgets it when its data change."""
_SORTS = {"newest": _("Newest first"), "oldest": _("Oldest first"), "name": _("By name")}
_COLUMNS = {
    "name": st.column_config.TextColumn(_("Name")),
    "results": st.column_config.TextColumn(_("Runs"), width=75, help=_("Those with a result, of all.")),
    "failed": st.column_config.NumberColumn(_("Failed"), width=60),
    "tags": st.column_config.ListColumn(_("Tags"), width=150),
    "dataset": st.column_config.TextColumn(_("Data set"), width=110),
    "arch": st.column_config.TextColumn(_("Architecture"), width=100),
    "created": st.column_config.DatetimeColumn(_("Saved (UTC)"), format="D MMM YYYY, HH:mm", width=140),
}


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is looked for."""

    text: str = ""
    tags: tuple[str, ...] = ()
    archived: bool = False
    sort: str = "newest"
    page: int = 1


def read(params: Mapping[str, str]) -> tuple[Search, list[str]]:
    """Return what an address looks for, as near as can be had, and sentences on what cannot be."""
    problems = []
    number, sort = params.get("page", "1"), params.get("sort", "newest")
    if not (number.isdecimal() and 0 < len(number) < 10):
        problems.append(_("page={value} is not possible; allowed: a whole number from 1.", value=number[:40]))
        number = "1"
    if sort not in _SORTS:
        allowed = ", ".join(_SORTS)
        problems.append(_("sort={value} is not possible; allowed: {allowed}.", value=sort[:40], allowed=allowed))
        sort = "newest"
    if (archived := params.get("archived", "yes")) != "yes":
        problems.append(_("archived={value} is not possible; allowed: yes, or nothing.", value=archived[:40]))
    for name in set(params) - {"text", "tags", "archived", "sort", "page"}:
        said = _("{name} is not known here; allowed: text, tags, archived, sort, page.", name=name[:40])
        problems.append(said)
    found = Search(
        text=params.get("text", "")[: listing.MAX_SEARCH],
        tags=tuple(dict.fromkeys(tag[:40] for tag in params.get("tags", "").split(",") if tag))[:20],
        archived=params.get("archived") == "yes",
        sort=sort,
        page=int(number),
    )
    return found, [text.literal(sentence) for sentence in problems]


def written(search: Search, found: listing.Page) -> dict[str, str]:
    """Return the shortest parameters from which `read` gives this page again."""
    params = {
        "text": search.text,
        "tags": ",".join(search.tags),
        "archived": "yes" if search.archived else "",
        "sort": search.sort if search.sort != "newest" else "",
        "page": str(found.number) if found.number > 1 else "",
    }
    return {name: value for name, value in params.items() if value}


def fill(asked: Search) -> None:
    """Set the widgets to `asked`. To be called before they are drawn."""
    st.session_state.update(
        {
            f"{_KEY}.text": asked.text,
            f"{_KEY}.tags": list(asked.tags),
            f"{_KEY}.archived": asked.archived,
            f"{_KEY}.sort": asked.sort,
            f"{_KEY}.page": asked.page,
            f"{_KEY}.visit": st.session_state.get(f"{_KEY}.visit", 0) + 1,
        }
    )


def search(tags: Mapping[str, int]) -> Search:
    """Draw the widgets and return what they look for; `tags` are those there are."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="library-search"):
        words = st.text_input(
            _("Search"),
            key=f"{_KEY}.text",
            type="search",
            placeholder=_("Words in name, note, tags, key, data set, architecture"),
            max_chars=listing.MAX_SEARCH,
            live=True,
            width=520,
            on_change=_first_page,
            persist_state="session",
        )
        chosen = st.multiselect(
            _("Tags"),
            list(dict.fromkeys([*tags, *st.session_state[f"{_KEY}.tags"]])),
            key=f"{_KEY}.tags",
            placeholder=_("Any"),
            width=190,
            on_change=_first_page,
            persist_state="session",
        )
        sort = st.selectbox(
            _("Order"),
            list(_SORTS),
            format_func=_SORTS.__getitem__,
            key=f"{_KEY}.sort",
            width=140,
            on_change=_first_page,
            persist_state="session",
        )
        archived = st.toggle(
            _("Archived"),
            key=f"{_KEY}.archived",
            help=_("Shows the sweeps that were put aside, instead of the others."),
            on_change=_first_page,
            persist_state="session",
        )
    page = st.session_state[f"{_KEY}.page"]
    return Search(text=str(words or ""), tags=tuple(chosen), archived=bool(archived), sort=str(sort), page=page)


def picked(found: listing.Page) -> pd.DataFrame:
    """Return the rows that are picked; to be called before `draw`."""
    rows = found.rows
    state = st.session_state.get(_table_key(rows))
    if state is None:  # new data: the sweeps picked before, wherever they are now
        return rows[rows["sweep_id"].isin(st.session_state.get(_PICKED, ()))]
    return rows.iloc[[place for place in state["selection"]["rows"] if place < len(rows)]]


def draw(found: listing.Page, search: Search, picked: pd.DataFrame) -> None:
    """Draw the table with what is picked, and the numbers of its pages."""
    if found.rows.empty:
        st.info(_empty(search), icon=":material/inventory_2:")
        return
    first = (found.number - 1) * listing.ROWS + 1
    last = first + len(found.rows) - 1
    if found.pages > 1:
        many = _("{first:,}–{last:,} of {total:,} sweeps.", first=first, last=last, total=found.total)
    else:
        many = _n("{n:,} sweep.", "{n:,} sweeps.", found.total)
    ticked = (
        _("{n} ticked, see beside or beneath.", n=len(picked)) if len(picked) else _("Tick some to work with them.")
    )
    st.caption(f"{many} {ticked}", help=_("By keyboard: the arrows move in the table, Shift+Space ticks."))
    _table(found.rows, picked)
    st.session_state[_PICKED] = tuple(picked["sweep_id"])
    if found.pages > 1:
        _pages(found, search)


def _table(rows: pd.DataFrame, picked: pd.DataFrame) -> None:
    shown = rows.assign(
        results=[f"{done:,} / {runs:,}" for done, runs in zip(rows["done"], rows["runs"], strict=True)],
        failed=rows["failed"].where(rows["failed"] > 0),
        tags=[list(tags) for tags in rows["tags"]],
    )[list(_COLUMNS)]
    st.dataframe(
        shown,
        column_order=[name for name in _COLUMNS if name not in ("failed", "tags") or rows[name].astype(bool).any()],
        column_config=_COLUMNS,
        hide_index=True,
        height="content",
        key=_table_key(rows),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": list(picked.index)}},
        placeholder="",
        alt=_("Table of saved sweeps"),
    )


def _table_key(rows: pd.DataFrame) -> str:
    """Return a key that changes with the data; with the same key the table selects what takes a row's place."""
    return f"sweeps-{hashlib.sha256(repr(rows.to_dict('list')).encode()).hexdigest()[:12]}"


def _pages(found: listing.Page, search: Search) -> None:
    own = hashlib.sha256(repr(replace(search, page=0)).encode()).hexdigest()[:12]
    key = f"page-{own}-{st.session_state[f'{_KEY}.visit']}"

    def go() -> None:
        st.session_state[f"{_KEY}.page"] = st.session_state[key]

    with st.container(horizontal=True, horizontal_alignment="center"):
        st.pagination(found.pages, default=found.number, key=key, on_change=go)


def _first_page() -> None:
    st.session_state[f"{_KEY}.page"] = 1


def _empty(search: Search) -> str:
    if search.text or search.tags:
        if search.archived:
            return _("No archived sweep has all of this. Take a word or a tag away.")
        return _("No saved sweep has all of this. Take a word or a tag away.")
    if search.archived:
        return _("No sweep is archived. To put one aside, tick it in the list and press Archive.")
    return _("No sweep is saved yet. One is saved when you press Train in Explore, and here you can import a run pack.")
