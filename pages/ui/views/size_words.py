"""Sentences about a table of runs: what the marks mean, where the threshold lies, what went wrong. Pure."""

from collections.abc import Collection

import pandas as pd

from engine.base.language import _, _n
from pages.ui import text
from pages.ui.measures import AXIS_NAMES, SPLIT_NAMES, measure_name
from pages.ui.summary import THRESHOLD, View, drawable, marked, means

MOST_FAILURES, MOST_REASON = 5, 400
"""Failed runs that are listed, and characters of each reason."""
_DASHES = {
    "test": _("solid lines are test"),
    "train": _("dotted lines are train"),
    "val": _("dashed lines are validation"),
}


def marks(table: pd.DataFrame, view: View) -> str:
    """Return what lines, bands and dots stand for."""
    found = means(table, f"{view.show[0]}_{view.y}", view.x)
    if found.empty:
        return _("No run has a finite value here.")
    low, high = int(found["n"].min()), int(found["n"].max())
    count = f"{low}" if low == high else f"{low}–{high}"
    several = table["series"].nunique() > 1
    said = [_dashes(view)] if several and len(view.show) > 1 else []
    if high > 1:
        said.append(_bands(count, view.show[0] if several and len(view.show) > 1 else ""))
    else:
        said.append(_("One run per size, so there is no band."))
    if found["training"].any():
        said.append(_("Hollow marks are still in training."))
    if drawable(table, view) != view:
        said.append(_("The size axis is linear: 0 has no place on a log axis."))
    if view.log_y and (table[[f"{split}_{view.y}" for split in view.show]] == 0).any(axis=None):
        said.append(_("Zeros have no place on a log axis and are left out."))
    return " ".join(said)


def threshold(table: pd.DataFrame, view: View) -> str:
    """Return from which size on models fit their training labels."""
    found = marked(table, view)
    if not found or table["train_error"].isna().all():
        return ""
    said = {"axis": AXIS_NAMES[view.x], "share": f"{100 * THRESHOLD:.0f} %"}
    reached = {name: size for name, size in found.items() if size is not None}
    if not reached and (table["state"] == "running").any():
        return _(
            "No interpolation threshold yet: mean training error is still above {share} at every size.",
            share=said["share"],
        )
    if not reached:
        return _(
            "There is no interpolation threshold here: mean training error stays above {share} at every size.",
            share=said["share"],
        )
    if len(found) == 1:
        return _(
            "Dashed line, the interpolation threshold: from {axis} {size} on, mean training error is at most {share}.",
            size=_size(next(iter(reached.values())), view),
            **said,
        )
    return _(
        "Dashed lines, interpolation thresholds: mean training error falls to {share} at {axis} {sizes}.",
        sizes=text.listed(f"{_size(size, view)} ({name})" for name, size in reached.items()),
        **said,
    )


def troubles(table: pd.DataFrame) -> list[str]:
    """Return a sentence for runs that diverged."""
    diverged = table[table["state"] == "diverged"]
    if diverged.empty:
        return []
    said = _n(
        "{n:,} run diverged: the loss stopped being a finite number ({runs}). "
        "They do not count in the means; a smaller learning rate may help.",
        "{n:,} runs diverged: the loss stopped being a finite number ({runs}). "
        "They do not count in the means; a smaller learning rate may help.",
        len(diverged),
        runs=_named(diverged),
    )
    return [said]


def failures(table: pd.DataFrame) -> str:
    """Return which runs failed and why, a line each of the first few; "" where none did."""
    failed = table[table["state"] == "failed"]
    if failed.empty:
        return ""
    lines = [
        _(
            "width {width}, seed {seed}: {reason}",
            width=row.width,
            seed=row.seed,
            reason=" ".join(str(row.error).split())[:MOST_REASON],
        )
        for row in failed.head(MOST_FAILURES).itertuples()
    ]
    if len(failed) > MOST_FAILURES:
        lines.append(_("and {n} more", n=len(failed) - MOST_FAILURES))
    heading = _n("{n:,} run failed:", "{n:,} runs failed:", len(failed))
    return "\n".join([f"**{heading}**", *(f"- {line}" for line in lines)])


def alt(table: pd.DataFrame, view: View, losses: Collection[str] = ("cross-entropy",)) -> str:
    """Return in words what the chart shows, for those who do not see it; `losses` are what training minimises."""
    measure = measure_name(view.y, losses)
    said = [
        _n(
            "Line chart of {splits} {measure} against {axis}, {n:,} run.",
            "Line chart of {splits} {measure} against {axis}, {n:,} runs.",
            len(table),
            splits=text.listed(SPLIT_NAMES[split] for split in view.show),
            measure=measure,
            axis=AXIS_NAMES[view.x],
        )
    ]
    for name, rows in means(table, f"{view.show[0]}_{view.y}", view.x).groupby("series"):
        best = rows.loc[rows["mean"].idxmax() if view.y == "accuracy" else rows["mean"].idxmin()]
        found = {"value": f"{best['mean']:.3g}", "size": _size(best["size"], view)}
        named = {"split": SPLIT_NAMES[view.show[0]], "measure": measure, "curve": name}
        said.append(_best(named | found, highest=view.y == "accuracy"))
    return " ".join(said)


def _best(named: dict[str, str], *, highest: bool) -> str:
    if named["curve"]:
        if highest:
            return _("Highest mean {split} {measure} of {curve}: {value} at {size}.", **named)
        return _("Lowest mean {split} {measure} of {curve}: {value} at {size}.", **named)
    if highest:
        return _("Highest mean {split} {measure}: {value} at {size}.", **named)
    return _("Lowest mean {split} {measure}: {value} at {size}.", **named)


def _bands(count: str, split: str) -> str:
    """Return what lines and bands are over `count` seeds; bands of one `split` alone where that is named."""
    if split:
        return _(
            "Lines are means over seeds (n = {n}), bands of {split} ± one standard error of the mean, "
            "dots single runs.",
            n=count,
            split=SPLIT_NAMES[split],
        )
    return _("Lines are means over seeds (n = {n}), bands ± one standard error of the mean, dots single runs.", n=count)


def _dashes(view: View) -> str:
    return f"{text.capital(text.listed(_DASHES[split] for split in view.show))}."


def _size(size: float, view: View) -> str:
    return f"{size:.3g}" if view.x == "ratio" else f"{size:,.0f}"


def _named(rows: pd.DataFrame) -> str:
    return text.listed(
        _("width {width}: seed {seeds}", width=width, seeds=text.listed(map(str, group["seed"])))
        for width, group in rows.groupby("width")
    )
