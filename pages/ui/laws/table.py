"""Runs of a sweep or from elsewhere → one table that a law is fitted to, and what was left out of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from engine.base.language import _, _n
from engine.laws.observations import Observations, observe
from engine.spec.sweep import SweepSpec
from pages.ui import summary
from pages.ui.laws.question import SHARES, Asked
from pages.ui.measures import UNIT_TITLES, UNITS, Measure, of_split

MOST_ROWS, MOST_POINTS = 1_000, 5_000
"""Most runs, and most points of curves, that the page fits in some seconds: the command line takes all."""
_TIME = ("steps", "batch_size", "dataset_size", "budget")
"""Settings that say how much data a run has, and so tell no curves of a law of data apart."""
_SEEN = {"seen": _("Examples seen"), "unique": _("Training examples"), "flops": _("FLOPs: D = C/6N")}


@dataclass(frozen=True, kw_only=True)
class Table:
    """What can be fitted."""

    frame: pd.DataFrame
    """A row per run, or per point of a run: n, loss, curve, run, and the columns that `amounts` names."""
    amounts: Mapping[str, str]
    """What the data may be taken from, and what each is called."""
    size: str
    """What n counts: a name of measures.UNITS."""
    data: str
    """What d counts: examples."""
    loss: Measure
    """What is predicted: Test loss (nats per example)."""
    default: str = "params"
    """What n counts where nothing else is asked: a name of question.SIZES."""
    share: bool = False
    """Whether the loss is a share, shown in per cent."""
    notes: tuple[str, ...] = ()
    """Sentences on what was left out before any fit."""

    @property
    def unit(self) -> str:
        """What n counts, within a sentence."""
        return UNITS[self.size]

    @property
    def curves(self) -> list[str]:
        """Names of the curves, in their order."""
        return list(dict.fromkeys(self.frame["curve"]))

    def amount(self, asked: Asked) -> str:
        """Return where the data come from: as asked, or the first that varies; "" where there are none."""
        if asked.d in self.amounts:
            return asked.d
        varying = [name for name in self.amounts if self.frame[name].nunique() > 1]
        return next(iter([*varying, *self.amounts]), "")

    def counted(self, asked: Asked) -> str:
        """Return what the numbers of data that a law gives are: of FLOPs, those that C = 6·N·D has."""
        return _("{data}, as C/6N", data=self.data) if self.amount(asked) == "flops" else self.data

    def curve(self, asked: Asked) -> str:
        """Return the curve that is fitted."""
        return asked.curve if asked.curve in self.curves else next(iter(self.curves), "")

    def observed(self, asked: Asked) -> Observations:
        """Return what the law is fitted to. Raises: ValueError: for rows of which nothing can be fitted."""
        rows = self.frame[self.frame["curve"] == self.curve(asked)]
        needs, amount = asked.needs, self.amount(asked)
        if "d" in needs and not amount:
            raise ValueError(
                _("This law needs data beside sizes: choose a column of them or of training FLOPs, or another law.")
            )
        if "unique" in needs and "unique" not in self.frame:
            raise ValueError(_("This law needs the number of different examples, which these runs do not have."))
        if "unique" in needs:
            amount = "seen"
        data = rows[amount].to_numpy(float) if "d" in needs else None
        return observe(
            rows["n"].to_numpy(float),
            rows["loss"].to_numpy(float),
            d=None if amount == "flops" else data,
            c=data if amount == "flops" else None,
            unique=rows[["unique", "seen"]].min(axis=1).to_numpy(float) if "unique" in needs else None,
            run=rows["run"].tolist(),
            drop_largest_losses=asked.drop,
        )


def of_sweep(
    sweep: SweepSpec, ends: pd.DataFrame, points: pd.DataFrame | None, losses: frozenset[str], asked: Asked
) -> Table:
    """Return a sweep's runs, from the tables of store.results.queries.runs_at and, where points are fitted, .curves.

    `losses`: what training minimises.
    """
    size = _size(ends, asked)
    named = ends.assign(
        n=ends[size].astype(float),
        loss=ends[asked.y].astype(float).where(ends["state"] != "diverged"),
        curve=summary.series(sweep, ends["key"], size, _TIME if "d" in asked.needs else ()),
        run=ends["key"],
        seen=ends["examples_seen"].astype(float),
        unique=ends["dataset_size"].astype(float),
        flops=ends["flops_spent"].astype(float),
    )
    rows = named[named["state"].isin(("finished", "diverged"))]
    if points is not None:
        rows = _points(rows, points, asked)
    split, scale = asked.y.split("_")
    found = rows[["n", "loss", "curve", "run", *_SEEN]].reset_index(drop=True)
    by_budget = asked.of_budgets and len(dict(sweep.settings).get("budget", ())) > 1
    amounts = dict(sorted(_SEEN.items(), key=lambda item: item[0] != "flops")) if by_budget else _SEEN
    return _table(
        found,
        amounts,
        size=size,
        default=_size(ends, replace(asked, n="")),
        data=UNITS["examples"],
        loss=of_split(split, scale, losses),
        share=scale in SHARES,
        notes=_left_out(ends, len(sweep.runs())),
    )


def _size(ends: pd.DataFrame, asked: Asked) -> str:
    """Return the column that is n: as asked, or the first that varies; beside data it is a size of models."""
    if "d" in asked.needs:
        return asked.n if asked.n in ("params", "params_non_embedding") else "params"
    varying = [name for name in ("params", "dataset_size") if ends[name].nunique() > 1]
    return asked.n or next(iter([*varying, "params"]))


def of_runs(runs: pd.DataFrame, size_is: str, data_is: str, asked: Asked) -> Table:
    """Return imported runs, as store.imports.collections.runs_of gives them, with curves where points are fitted."""
    frame = pd.DataFrame(
        {
            "n": runs["size"].astype(float),
            "loss": runs["loss"].astype(float),
            "curve": runs["series"].astype(str),
            "run": runs["name"].astype(str),
            "data": runs["data"].astype(float),
            "flops": runs["compute"].astype(float),
        }
    )
    if asked.of_curves and "step" in runs:
        frame = _unrolled(frame, runs)
    amounts = {"data": UNIT_TITLES[data_is] if data_is else _("Data"), "flops": _SEEN["flops"]}
    known = {name: label for name, label in amounts.items() if frame[name].notna().any()}
    data = UNITS[data_is] if data_is else _("examples or tokens")
    return _table(frame, known, size=size_is, data=data, loss=Measure(_("Loss"), _("loss"), _("Loss")))


def _table(
    frame: pd.DataFrame,
    amounts: Mapping[str, str],
    *,
    size: str,
    data: str,
    loss: Measure,
    default: str = "params",
    share: bool = False,
    notes: tuple[str, ...] = (),
) -> Table:
    most = MOST_POINTS if frame["run"].duplicated().any() else MOST_ROWS
    if len(frame) > most:
        said = _(
            "Of {rows:,} rows {most:,} are fitted, drawn by chance; `scalescope fit` takes all.",
            rows=len(frame),
            most=most,
        )
        frame, notes = frame.sample(most, random_state=0).sort_index(), (*notes, said)
    return Table(
        frame=frame, amounts=amounts, size=size, data=data, loss=loss, default=default, share=share, notes=notes
    )


def _points(rows: pd.DataFrame, points: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """Return the points of these runs' curves, after the first step."""
    own = points[points["step"] > 0][["key", "examples_seen", "flops_spent", asked.y]]
    joined = rows.drop(columns=["loss", "seen", "flops", "examples_seen", "flops_spent", asked.y]).merge(own, on="key")
    return joined.assign(
        loss=joined[asked.y].astype(float),
        seen=joined["examples_seen"].astype(float),
        flops=joined["flops_spent"].astype(float),
    )


def _unrolled(frame: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row per point of each run that has a curve with the data or the compute of each."""
    parts = []
    for place, run in enumerate(runs.to_dict("records")):
        steps = run["step"]
        if steps is None or np.ndim(steps) == 0:
            continue
        own = frame.iloc[[place] * len(steps)].assign(loss=np.asarray(run["loss_at"], dtype=float))
        for name, column in (("data", "data_at"), ("flops", "compute_at")):
            at = run[column]
            own[name] = np.nan if at is None or np.ndim(at) == 0 else np.asarray(at, dtype=float)
        parts.append(own)
    return pd.concat(parts, ignore_index=True) if parts else frame


def _left_out(ends: pd.DataFrame, runs: int) -> tuple[str, ...]:
    states = ends["state"].value_counts()
    diverged, running, failed = (int(states.get(state, 0)) for state in ("diverged", "running", "failed"))
    missing = runs - len(ends)
    said = [
        (diverged, _n("{n:,} run diverged and has no loss.", "{n:,} runs diverged and have no loss.", diverged)),
        (running, _n("{n:,} run is still in training.", "{n:,} runs are still in training.", running)),
        (failed, _n("{n:,} run failed.", "{n:,} runs failed.", failed)),
        (missing, _n("{n:,} run is not trained yet.", "{n:,} runs are not trained yet.", missing)),
    ]
    return tuple(sentence for count, sentence in said if count)
