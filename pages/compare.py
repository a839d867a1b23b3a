"""Compare: saved sweeps on one size axis, and the settings in which they differ."""

from collections.abc import Collection

import pandas as pd
import streamlit as st

from engine.spec.sweep import SweepSpec
from pages.ui import link, services, summary, text, viewing
from pages.ui.chart import chart
from pages.ui.compare import differences
from pages.ui.imports import curves
from pages.ui.summary import View
from pages.ui.views import size_curve, size_words
from store.library.sweeps import rename_sweep

PAGE = "compare"
_PICKED = "compare.sweeps"
_FIRST = View(show=("test",))
_PAIR = (link.OPENING, "digits-clean-labels")


def compare() -> None:
    opened = services.opened()
    arrive(opened)
    names, total = offered(opened)
    picked = st.multiselect(
        "Sweeps",
        list(names),
        format_func=names.__getitem__,
        key=_PICKED,
        placeholder="Choose two or more saved sweeps",
        persist_state="session",
    )
    for sentence in st.session_state["compare.problems"]:
        st.error(sentence, icon=":material/error:")
    brought = curves.pick(opened)
    sweeps = {names[key]: services.saved(opened.db, key) for key in picked}
    losses = frozenset[str]().union(*(services.grid(sweep).losses for sweep in sweeps.values()))
    view = viewing.draw(PAGE, lambda: _steps(opened, sweeps), ("width", "params", "ratio"), losses or {"cross-entropy"})
    asked = {"sweeps": ",".join(picked), "imports": ",".join(brought["import_id"])}
    link.leave(PAGE, {name: keys for name, keys in asked.items() if keys} | link.written_view(view, _FIRST))
    if len(picked) + len(brought) < 2:
        st.info(_advice(total, len(picked) + len(brought)), icon=":material/stacked_line_chart:")
    if picked or len(brought):
        show(opened, sweeps, brought, view, losses)
    if picked:
        rename(opened, {key: names[key] for key in picked})


def offered(opened: services.Services) -> tuple[dict[str, str], int]:
    """Return the names to choose from, by id, and how many sweeps there are: all, or of very many those searched for.

    What is archived is not offered, but stays where a link names it.
    """
    titles, total = services.titles(opened.db)
    if total > len(titles):
        words = st.text_input(
            "Search",
            key="compare.search",
            type="search",
            live=True,
            placeholder=f"{total:,} sweeps are saved: words in name, note, tags, data set, architecture",
            persist_state="session",
        )
        titles, _ = services.titles(opened.db, str(words or ""))
    return services.names(opened.db, tuple(st.session_state[_PICKED])) | titles, total


def arrive(opened: services.Services) -> None:
    """Set the widgets as the address says, when it was the address that brought the visitor here."""
    params = link.arrived(PAGE)
    if params is None:
        known = services.names(opened.db, tuple(st.session_state[_PICKED]))
        st.session_state[_PICKED] = list(known)  # one may have been deleted meanwhile
        return
    if not params:  # something to see: the opening sweep beside its control, which differ in one setting
        params["sweeps"] = ",".join(services.names(opened.db, tuple(map(_key, _PAIR))))
    asked = [key for key in params.pop("sweeps", "").split(",") if key]
    names = services.names(opened.db, tuple(asked))
    problems = curves.arrive(opened, params.pop("imports", ""))
    view, wrong = link.read_view(params, _FIRST)
    unknown = [f"sweeps={key[:40]} is not a saved sweep here." for key in asked if key not in names]
    unknown += [f"{name} is not known here; allowed: sweeps, imports, {', '.join(link.VIEW)}." for name in params]
    st.session_state[_PICKED] = list(names)
    st.session_state["compare.problems"] = [*problems, *wrong, *unknown]
    viewing.fill(PAGE, view)


def show(
    opened: services.Services, sweeps: dict[str, SweepSpec], brought: pd.DataFrame, view: View, losses: Collection[str]
) -> None:
    """Draw the curves of all sweeps and imported collections, and the settings that set the sweeps apart."""
    tables = curves.tables(opened, brought, view)
    losses = () if tables else losses  # nobody said what unit those of imported runs have
    for name, sweep in sweeps.items():
        table = services.table(opened.db, sweep, view.at, view.by)
        if table.empty:
            st.info(
                f"“{text.literal(name)}” has no results yet: open it in Explore and press Train.",
                icon=":material/hourglass_empty:",
            )
        inner = summary.series(sweep, table["key"], view.x)
        tables.append(table.assign(series=[f"{name} · {curve}" if curve else name for curve in inner]))
    named = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if named.empty:
        curves.draw(brought)
        return
    height = 430 + 24 * named["series"].nunique()
    chart(
        size_curve.size_curve(named, view, losses, split_known=bool(sweeps)),
        key="compared",
        alt=size_words.alt(named, view, losses),
        name="scalescope-compare",
        height=height,
    )
    st.caption(text.literal(f"{size_words.marks(named, view)} {size_words.threshold(named, view)}"))
    curves.draw(brought)
    if len(sweeps) < 2:
        return
    apart = differences.table(sweeps)
    if len(apart) > 1:
        st.warning(differences.notice(apart), icon=":material/balance:")
    st.markdown("**Settings in which they differ**" if len(apart) else "These sweeps have the same settings.")
    if len(apart):
        st.table(apart.rename(columns=text.literal))


def rename(opened: services.Services, names: dict[str, str]) -> None:
    """Draw a field for each sweep's name."""
    with st.expander("Rename", icon=":material/edit:"):
        for key, name in names.items():
            new = st.text_input(
                f"Name of “{text.literal(name)}”", name, max_chars=120, key=f"name.{key}", label_visibility="collapsed"
            )
            if new != name:
                try:
                    rename_sweep(opened.db, key, new)
                except ValueError as problem:
                    st.error(text.literal(str(problem)), icon=":material/error:")
                else:
                    st.rerun()


def _key(preset: str) -> str:
    return link.preset(preset).key


def _steps(opened: services.Services, sweeps: dict[str, SweepSpec]) -> list[int]:
    return sorted({step for sweep in sweeps.values() for step in services.steps(opened.db, sweep)})


def _advice(known: int, picked: int) -> str:
    if known < 2:
        return (
            "Compare needs two saved sweeps. A sweep is saved when you press Train in Explore: "
            "change one setting there, for instance the label noise, and train again."
        )
    return (
        "Choose one more sweep." if picked else "Choose two or more sweeps above to see their curves on one size axis."
    )


with services.in_words():
    compare()
