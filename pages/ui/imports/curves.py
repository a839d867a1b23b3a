"""Imported collections beside saved sweeps: which are chosen, their curves, and what they are."""

import numpy as np
import pandas as pd
import streamlit as st

from engine.base.language import _
from pages.ui import reads, text
from pages.ui.measures import SCALES, SPLITS, UNIT_TITLES, UNITS, measure_name
from pages.ui.services import Services
from pages.ui.summary import View

_PICKED = "compare.imports"
_MOST = 5_000
"""Runs of one collection that are drawn."""
_COLUMNS = {
    "name": st.column_config.TextColumn(_("Imported")),
    "kind": st.column_config.TextColumn(_("Kind")),
    "source": st.column_config.TextColumn(_("From")),
    "runs": st.column_config.NumberColumn(_("Runs"), format="localized"),
    "lost": st.column_config.NumberColumn(_("Without a finite loss"), help=_("They diverged, or no loss was noted.")),
    "size_is": st.column_config.TextColumn(_("Size is")),
    "smallest": st.column_config.NumberColumn(_("Smallest"), format="localized"),
    "largest": st.column_config.NumberColumn(_("Largest"), format="localized"),
    "data_is": st.column_config.TextColumn(_("Data in")),
}


def title(name: object) -> str:
    """Return the name of a collection as pages show it everywhere: marked as imported."""
    return _("{name} (imported)", name=name)


def arrive(opened: Services, asked: str) -> list[str]:
    """Choose the collections whose ids the address names; return sentences on those that are not here."""
    keys = dict.fromkeys(key for key in asked.split(",") if key)
    there = set(reads.imported(opened.db)["import_id"])
    st.session_state[_PICKED] = [key for key in keys if key in there]
    return [_("imports={key} is not an imported collection here.", key=key[:40]) for key in keys if key not in there]


def pick(opened: Services) -> pd.DataFrame:
    """Draw the choice, where there is one; return what the store knows of those chosen, in their order."""
    found = reads.imported(opened.db).set_index("import_id", drop=False)
    # One may have been deleted meanwhile.
    st.session_state[_PICKED] = [key for key in st.session_state.get(_PICKED, []) if key in found.index]
    if found.empty:
        return found
    picked = st.multiselect(
        _("Imported"),
        list(found.index),
        format_func=lambda key: title(found.at[key, "name"]),
        key=_PICKED,
        placeholder=_("Runs from elsewhere beside them"),
        persist_state="session",
    )
    return found.loc[picked]


def tables(opened: Services, imported: pd.DataFrame, view: View) -> list[pd.DataFrame]:
    """Return a table of runs for each collection that has what `view` asks; say of the others what they lack."""
    found = []
    for one in imported.to_dict("records"):
        runs = reads.imported_runs(opened.db, one["import_id"])
        lacks = _lacking(one, runs, view)
        if lacks:
            st.info(text.literal(lacks), icon=":material/info:")
            continue
        if len(runs) > _MOST:
            runs = runs.iloc[np.linspace(0, len(runs) - 1, _MOST).astype(int)]
            said = _(
                "Of “{name}” (imported), {drawn:,} of {runs:,} runs are drawn.",
                name=one["name"],
                drawn=_MOST,
                runs=one["runs"],
            )
            st.info(text.literal(said), icon=":material/info:")
        found.append(table(one["name"], one["size_is"], runs, view))
    return found


def table(name: str, size_is: str, runs: pd.DataFrame, view: View) -> pd.DataFrame:
    """Return runs, as store.imports.collections.runs_of gives them, in the columns that figures and sentences read.

    The one loss there is stands where `view` looks first: nobody said of which split it is.
    """
    empty = pd.Series(np.nan, index=runs.index)
    named = title(name)
    series = [f"{named} · {curve}" if curve else named for curve in runs["series"]]
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


def draw(imported: pd.DataFrame) -> None:
    """Draw what the chosen collections are, and how their curves are to be read."""
    if imported.empty:
        return
    st.caption(
        _(
            "Imported runs were not trained here: each is drawn at its last loss, in whatever unit and of whatever "
            "data it came with. Runs of one size and curve count as its seeds."
        )
    )
    listing(imported)


def listing(found: pd.DataFrame) -> None:
    """Draw collections, as store.imports.collections.imports gives them, as a table."""
    said = found.assign(
        lost=found["runs"] - found["finite"],
        size_is=[UNITS.get(unit, unit) for unit in found["size_is"]],
        data_is=[UNITS.get(unit, unit) for unit in found["data_is"]],
    )
    st.dataframe(
        said,
        column_order=list(_COLUMNS),
        column_config=_COLUMNS,
        hide_index=True,
        alt=_("Table of imported collections"),
    )


def _lacking(one: dict[str, str], runs: pd.DataFrame, view: View) -> str:
    """Return why a collection is not drawn, and what to choose instead; "" where it is drawn."""
    name, size = one["name"], one["size_is"]
    if view.y != "loss":
        measure = measure_name(view.y, ["cross-entropy"])
        return _(
            "“{name}” (imported) is not drawn: it has a loss and no {measure}. Choose Loss as measure.",
            name=name,
            measure=measure,
        )
    if view.x == "ratio":
        if size == "params" and one["data_is"] == "examples" and runs["data"].notna().all():
            return ""
        return _(
            "“{name}” (imported) is not drawn: it does not say params and training examples. Choose another size.",
            name=name,
        )
    if view.x != size:
        return _(
            "“{name}” (imported) is not drawn: its sizes are {size}, not {asked}. Choose {title} as size.",
            name=name,
            size=UNITS[size],
            asked=UNITS.get(view.x, view.x),
            title=UNIT_TITLES[size],
        )
    if runs["loss"].notna().any():
        return ""
    return _("“{name}” (imported) is not drawn: none of its runs has a finite loss.", name=name)
