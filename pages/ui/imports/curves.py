"""Imported collections beside saved sweeps: which are chosen, their curves, and what they are."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import services, text
from pages.ui.summary import SCALES, SPLITS, View

MARK = " (imported)"
"""Behind the name of every imported collection, wherever it stands."""
_PICKED = "compare.imports"
_MOST = 5_000
"""Runs of one collection that are drawn."""
_COLUMNS = {
    "name": st.column_config.TextColumn("Imported"),
    "kind": st.column_config.TextColumn("Kind"),
    "source": st.column_config.TextColumn("From"),
    "runs": st.column_config.NumberColumn("Runs", format="localized"),
    "lost": st.column_config.NumberColumn("Without a finite loss", help="They diverged, or no loss was noted."),
    "size_is": st.column_config.TextColumn("Size is"),
    "smallest": st.column_config.NumberColumn("Smallest", format="localized"),
    "largest": st.column_config.NumberColumn("Largest", format="localized"),
    "data_is": st.column_config.TextColumn("Data in"),
}


def arrive(opened: services.Services, asked: str) -> list[str]:
    """Choose the collections whose ids the address names; return sentences on those that are not here."""
    keys = dict.fromkeys(key for key in asked.split(",") if key)
    there = set(services.imported(opened.db)["import_id"])
    st.session_state[_PICKED] = [key for key in keys if key in there]
    return [f"imports={key[:40]} is not an imported collection here." for key in keys if key not in there]


def pick(opened: services.Services) -> pd.DataFrame:
    """Draw the choice, where there is one; return what the store knows of those chosen, in their order."""
    found = services.imported(opened.db).set_index("import_id", drop=False)
    # One may have been deleted meanwhile.
    st.session_state[_PICKED] = [key for key in st.session_state.get(_PICKED, []) if key in found.index]
    if found.empty:
        return found
    picked = st.multiselect(
        "Imported",
        list(found.index),
        format_func=lambda key: f"{found.at[key, 'name']}{MARK}",
        key=_PICKED,
        placeholder="Runs from elsewhere beside them",
        persist_state="session",
    )
    return found.loc[picked]


def tables(opened: services.Services, brought: pd.DataFrame, view: View) -> list[pd.DataFrame]:
    """Return a table of runs for each collection that has what `view` asks; say of the others what they lack."""
    found = []
    for one in brought.to_dict("records"):
        runs = services.imported_runs(opened.db, one["import_id"])
        lacks = _lacking(one, runs, view)
        if lacks:
            st.info(text.literal(f"“{one['name']}”{MARK} is not drawn: {lacks}"), icon=":material/info:")
            continue
        if len(runs) > _MOST:
            runs = runs.iloc[np.linspace(0, len(runs) - 1, _MOST).astype(int)]
            st.info(
                text.literal(f"Of “{one['name']}”{MARK}, {_MOST:,} of {one['runs']:,} runs are drawn."),
                icon=":material/info:",
            )
        found.append(table(one["name"], one["size_is"], runs, view))
    return found


def table(name: str, size_is: str, runs: pd.DataFrame, view: View) -> pd.DataFrame:
    """Return runs, as store.imports.collections.runs_of gives them, in the columns that figures and sentences read.

    The one loss there is stands where `view` looks first: nobody said of which split it is.
    """
    empty = pd.Series(np.nan, index=runs.index)
    series = [f"{name}{MARK}{f' · {curve}' if curve else ''}" for curve in runs["series"]]
    columns = {
        "key": runs["place"].astype(str),
        "series": series,
        "width": runs["size"] if size_is == "width" else empty,
        "params": runs["size"] if size_is == "params" else empty,
        "depth": empty,
        "dataset_size": runs["data"],
        "seed": runs["seed"],
        "state": np.where(runs["loss"].notna(), "finished", "diverged"),
        "error": "",
        **{f"{split}_{scale}": empty for split in SPLITS for scale in SCALES},
    }
    return pd.DataFrame(columns | {f"{view.show[0]}_loss": runs["loss"]})


def draw(brought: pd.DataFrame) -> None:
    """Draw what the chosen collections are, and how their curves are to be read."""
    if brought.empty:
        return
    st.caption(
        "Imported runs were not trained here: each is drawn at its last loss, in whatever unit and of whatever data it "
        "came with. Runs of one size and curve count as its seeds."
    )
    listing(brought)


def listing(found: pd.DataFrame) -> None:
    """Draw collections, as store.imports.collections.imports gives them, as a table."""
    said = found.assign(lost=found["runs"] - found["finite"])
    st.dataframe(
        said, column_order=list(_COLUMNS), column_config=_COLUMNS, hide_index=True, alt="Table of imported collections"
    )


def _lacking(one: dict[str, object], runs: pd.DataFrame, view: View) -> str:
    if view.y != "loss":
        return f"it has a loss and no {view.y}. Choose Loss as measure."
    if view.x == "ratio":
        if one["size_is"] == "params" and one["data_is"] == "examples" and runs["data"].notna().all():
            return ""
        return "it does not say params and training examples. Choose another size."
    if view.x != one["size_is"]:
        return f"its sizes are {one['size_is']}, not {view.x}. Choose {str(one['size_is']).capitalize()} as size."
    return "" if runs["loss"].notna().any() else "none of its runs has a finite loss."
