"""What sets sweeps apart: the settings in which they differ. Pure."""

from collections.abc import Mapping

import pandas as pd

from engine.base.language import _, inside
from engine.spec.knob import Knob
from engine.spec.sweep import SweepSpec, knobs_for
from pages.ui import text


def table(sweeps: Mapping[str, SweepSpec]) -> pd.DataFrame:
    """Return one row per setting that is not the same in all `sweeps`, one column per sweep, values as text."""
    declared: dict[str, Knob] = {}
    for sweep in sweeps.values():
        declared |= knobs_for(dict(sweep.settings))
    rows = {}
    for name, knob in declared.items():
        values = {title: _values(sweep, name) for title, sweep in sweeps.items()}
        if len(set(values.values())) > 1:
            rows[knob.label] = values
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(sweeps))


def notice(differing: pd.DataFrame) -> str:
    """Return why a difference between the curves has no single cause."""
    return _(
        "These sweeps differ in {n} settings ({settings}): "
        "a difference between the curves may come from any of them. Change one at a time to know which.",
        n=len(differing),
        settings=text.listed(inside(label) for label in differing.index),
    )


def _values(sweep: SweepSpec, name: str) -> str:
    own = knobs_for(dict(sweep.settings))
    return text.values(sweep.values(name)) if name in own else "–"
