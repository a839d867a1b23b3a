"""Sentences about a table of runs: what the marks mean, where the threshold lies, what went wrong. Pure."""

from collections.abc import Collection

import pandas as pd

from pages.ui import text
from pages.ui.summary import AXES, SPLIT_NAMES, THRESHOLD, View, drawable, marked, means, spoken
from pages.ui.views.size_curve import DASH_NAMES

MOST_FAILURES, MOST_REASON = 5, 400
"""Failed runs that are listed, and characters of each reason."""


def marks(table: pd.DataFrame, view: View) -> str:
    """Return what lines, bands and dots stand for."""
    found = means(table, f"{view.show[0]}_{view.y}", view.x)
    if found.empty:
        return "No run has a finite value here."
    low, high = int(found["n"].min()), int(found["n"].max())
    count = f"n = {low}" if low == high else f"n = {low}–{high}"
    several = table["series"].nunique() > 1
    said = [_dashes(view)] if several and len(view.show) > 1 else []
    if high > 1:
        whose = f" of {SPLIT_NAMES[view.show[0]]}" if several and len(view.show) > 1 else ""
        band = f"bands{whose} ± one standard error of the mean, dots single runs"
        said.append(f"Lines are means over seeds ({count}), {band}.")
    else:
        said.append("One run per size, so there is no band.")
    if found["training"].any():
        said.append("Hollow marks are still in training.")
    if drawable(table, view) != view:
        said.append("The size axis is linear: 0 has no place on a log axis.")
    if view.log_y and (table[[f"{split}_{view.y}" for split in view.show]] == 0).any(axis=None):
        said.append("Zeros have no place on a log axis and are left out.")
    return " ".join(said)


def threshold(table: pd.DataFrame, view: View) -> str:
    """Return from which size on models fit their training labels."""
    found = marked(table, view)
    if not found or table["train_error"].isna().all():
        return ""
    axis = AXES[view.x].lower()
    share = f"{100 * THRESHOLD:.0f} %"
    reached = {name: size for name, size in found.items() if size is not None}
    if not reached and (table["state"] == "running").any():
        return f"No interpolation threshold yet: mean training error is still above {share} at every size."
    if not reached:
        return f"There is no interpolation threshold here: mean training error stays above {share} at every size."
    if len(found) == 1:
        size = _size(next(iter(reached.values())), view)
        return (
            f"Dashed line, the interpolation threshold: from {axis} {size} on, mean training error is at most {share}."
        )
    places = text.listed(f"{_size(size, view)} ({name})" for name, size in reached.items())
    return f"Dashed lines, interpolation thresholds: mean training error falls to {share} at {axis} {places}."


def troubles(table: pd.DataFrame) -> list[str]:
    """Return a sentence for runs that diverged."""
    diverged = table[table["state"] == "diverged"]
    if diverged.empty:
        return []
    return [
        f"{text.plural(len(diverged), 'run')} diverged: the loss stopped being a finite number "
        f"({_named(diverged)}). They do not count in the means; a smaller learning rate may help."
    ]


def failures(table: pd.DataFrame) -> str:
    """Return which runs failed and why, a line each of the first few; "" where none did."""
    failed = table[table["state"] == "failed"]
    if failed.empty:
        return ""
    lines = [
        f"- width {row.width}, seed {row.seed}: {' '.join(str(row.error).split())[:MOST_REASON]}"
        for row in failed.head(MOST_FAILURES).itertuples()
    ]
    rest = [f"- and {len(failed) - MOST_FAILURES} more"] if len(failed) > MOST_FAILURES else []
    return "\n".join([f"**{text.plural(len(failed), 'run')} failed:**", *lines, *rest])


def alt(table: pd.DataFrame, view: View, losses: Collection[str] = ("cross-entropy",)) -> str:
    """Return in words what the chart shows, for those who do not see it; `losses` are what training minimises."""
    splits, measure = text.listed(SPLIT_NAMES[split] for split in view.show), spoken(view.y, losses)
    said = f"Line chart of {splits} {measure} against {AXES[view.x].lower()}, {text.plural(len(table), 'run')}."
    end = "Highest" if view.y == "accuracy" else "Lowest"
    for name, rows in means(table, f"{view.show[0]}_{view.y}", view.x).groupby("series"):
        best = rows.loc[rows["mean"].idxmin() if end == "Lowest" else rows["mean"].idxmax()]
        curve = f" of {name}" if name else ""
        place = f"{best['mean']:.3g} at {_size(best['size'], view)}"
        said += f" {end} mean {SPLIT_NAMES[view.show[0]]} {measure}{curve}: {place}."
    return said


def _dashes(view: View) -> str:
    said = (f"{DASH_NAMES[split]} lines are {SPLIT_NAMES[split]}" for split in view.show)
    return text.listed(said).capitalize() + "."


def _size(size: float, view: View) -> str:
    return f"{size:.3g}" if view.x == "ratio" else f"{size:,.0f}"


def _named(rows: pd.DataFrame) -> str:
    return text.listed(
        f"width {width}: seed {text.listed(map(str, group['seed']))}" for width, group in rows.groupby("width")
    )
