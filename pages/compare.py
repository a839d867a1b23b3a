"""Compare: saved sweeps on one size axis, and the settings in which they differ."""

from collections.abc import Collection

import pandas as pd
import streamlit as st

from engine.spec import SweepSpec
from pages.ui import differences, figures, imported, link, services, summary, viewing, words
from pages.ui.chart import chart
from pages.ui.summary import View
from store import runs

PAGE = "compare"
_PICKED = "compare.sweeps"
_FIRST = View(show=("test",))
_PAIR = (link.OPENING, "digits-clean-labels")


def compare() -> None:
    opened = services.opened()
    saved = services.sweeps(opened.db)
    names = dict(zip(saved["sweep_id"], saved["name"], strict=True))
    arrive(opened, names)
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
    brought = imported.pick(opened)
    sweeps = {names[key]: services.saved(opened.db, key) for key in picked}
    losses = frozenset[str]().union(*(services.grid(sweep).losses for sweep in sweeps.values()))
    view = viewing.draw(PAGE, lambda: _steps(opened, sweeps), ("width", "params", "ratio"), losses or {"cross-entropy"})
    asked = {"sweeps": ",".join(picked), "imports": ",".join(brought["import_id"])}
    link.leave(PAGE, {name: keys for name, keys in asked.items() if keys} | link.written_view(view, _FIRST))
    if len(picked) + len(brought) < 2:
        st.info(_advice(len(names), len(picked) + len(brought)), icon=":material/stacked_line_chart:")
    if picked or len(brought):
        show(opened, sweeps, brought, view, losses)
        rename(opened, {key: names[key] for key in picked})


def arrive(opened: services.Services, names: dict[str, str]) -> None:
    """Set the widgets as the address says, when it was the address that brought the visitor here."""
    params = link.arrived(PAGE)
    if params is None:
        return
    if not params:  # something to see: the opening sweep beside its control, which differ in one setting
        params["sweeps"] = ",".join(key for key in map(_key, _PAIR) if key in names)
    asked = [key for key in params.pop("sweeps", "").split(",") if key]
    problems = imported.arrive(opened, params.pop("imports", ""))
    view, wrong = link.read_view(params, _FIRST)
    unknown = [f"sweeps={key[:40]} is not a saved sweep here." for key in asked if key not in names]
    unknown += [f"{name} is not known here; allowed: sweeps, imports, {', '.join(link.VIEW)}." for name in params]
    st.session_state[_PICKED] = [key for key in dict.fromkeys(asked) if key in names]
    st.session_state["compare.problems"] = [*problems, *wrong, *unknown]
    viewing.fill(PAGE, view)


def show(
    opened: services.Services, sweeps: dict[str, SweepSpec], brought: pd.DataFrame, view: View, losses: Collection[str]
) -> None:
    """Draw the curves of all sweeps and imported collections, and the settings that set the sweeps apart."""
    tables = imported.tables(opened, brought, view)
    losses = () if tables else losses  # nobody said what unit those of imported runs have
    for name, sweep in sweeps.items():
        table = services.table(opened.db, sweep, view.at, view.by)
        if table.empty:
            st.info(
                f"“{name}” has no results yet: open it in Explore and press Train.", icon=":material/hourglass_empty:"
            )
        inner = summary.series(sweep, table["key"], view.x)
        tables.append(table.assign(series=[f"{name} · {curve}" if curve else name for curve in inner]))
    named = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    if named.empty:
        imported.draw(brought)
        return
    height = 430 + 24 * named["series"].nunique()
    chart(
        figures.size_curve(named, view, losses, split_known=bool(sweeps)),
        key="compared",
        alt=words.alt(named, view, losses),
        name="scalescope-compare",
        height=height,
    )
    st.caption(f"{words.marks(named, view)} {words.threshold(named, view)}")
    imported.draw(brought)
    if len(sweeps) < 2:
        return
    apart = differences.table(sweeps)
    if len(apart) > 1:
        st.warning(differences.notice(apart), icon=":material/balance:")
    st.markdown("**Settings in which they differ**" if len(apart) else "These sweeps have the same settings.")
    if len(apart):
        st.table(apart)


def rename(opened: services.Services, names: dict[str, str]) -> None:
    """Draw a field for each sweep's name."""
    with st.expander("Rename", icon=":material/edit:"):
        for key, name in names.items():
            new = st.text_input(
                f"Name of “{name}”", name, max_chars=120, key=f"name.{key}", label_visibility="collapsed"
            )
            if new != name:
                try:
                    runs.rename_sweep(opened.db, key, new)
                except ValueError as problem:
                    st.error(str(problem), icon=":material/error:")
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
