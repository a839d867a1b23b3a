"""Refuses rows that cannot be results, a column at a time."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.base.language import _
from engine.spec.result import METRICS, RunState
from engine.spec.run import ENGINE_VERSION, RunSpec
from store.results.rows import RUN_COLUMNS, SCHEMA, SETTING_COLUMNS

_SEEDS = ("seed", "data_seed")
_ALIKE = ("config", *(name for name in SETTING_COLUMNS if name not in _SEEDS))
"""Columns that are equal for runs which differ in their seeds alone."""


def check_rows(rows: pa.Table) -> None:
    """Refuse a table unless every row of it is exactly what `as_table` makes of some result.

    Raises: ValueError: naming the column, and what is wrong with it.
    """
    check_schema(rows.schema)
    rows.validate(full=True)
    for name in (*RUN_COLUMNS, "step"):
        if rows[name].null_count:
            raise ValueError(_("{name} is missing in a row.", name=name))
    _check_numbers(rows)
    _check_curves(rows)
    _check_keys(rows)


def check_schema(found: pa.Schema) -> None:
    """Refuse other columns than those of SCHEMA. Raises: ValueError."""
    if found.equals(SCHEMA):
        return
    for want in SCHEMA:
        if want.name not in found.names or found.field(want.name).type != want.type:
            raise ValueError(_("Its column {name} is missing or not of type {type}.", name=want.name, type=want.type))
    if found.names != SCHEMA.names:
        raise ValueError(_("Its columns are others, or in another order."))


def _check_numbers(rows: pa.Table) -> None:
    for name in ("params", "params_non_embedding"):
        if np.any(rows[name].to_numpy() >= 2**63):
            raise ValueError(_("{name} is not a whole number below 2^63.", name=name))
    for name in ("train_flops", "seconds"):
        values = rows[name].to_numpy()
        if not np.all((values >= 0) & np.isfinite(values)):
            raise ValueError(_("{name} is not a number from 0.", name=name))
    created = rows["created"].cast(pa.int64()).to_numpy()
    if np.any((created < 0) | (created >= 2**53)):
        raise ValueError(_("created is no possible time."))
    for version in rows["engine_version"].unique().to_pylist():
        if version != ENGINE_VERSION:
            raise ValueError(
                _("engine_version={version}; this engine's is {own}.", version=version, own=ENGINE_VERSION)
            )
    for state in rows["state"].unique().to_pylist():
        RunState(state)


def _check_curves(rows: pa.Table) -> None:
    lengths = pc.list_value_length(rows["step"]).to_numpy()
    steps = pc.list_flatten(rows["step"])
    if steps.null_count or not _rising(steps.to_numpy().astype(np.int64), lengths):
        raise ValueError(_("step is not a rising list of whole numbers."))
    for name in (*METRICS, "point_seconds"):
        own = pc.list_value_length(rows[name])
        there = own.is_valid().to_numpy()
        found = pc.fill_null(own, 0).to_numpy()
        for row in np.flatnonzero(there & (found != lengths))[:1]:
            raise ValueError(
                _("{name} has {found} values for {steps} steps.", name=name, found=found[row], steps=lengths[row])
            )
        values = pc.list_flatten(rows[name])
        known = values.drop_null().to_numpy()
        if not np.all(np.isfinite(known)):
            raise ValueError(_("{name} holds something that is no finite number.", name=name))
        if name == "point_seconds" and (values.null_count or not np.all(known >= 0)):
            raise ValueError(_("{name} holds something that is no number from 0.", name=name))
        filled = np.concatenate([[0], np.cumsum(values.is_valid().to_numpy())])
        ends = np.cumsum(found)
        if np.any(there & (filled[ends] == filled[ends - found])):
            raise ValueError(_("{name} has a list without a number, which is written as none.", name=name))


def _rising(values: np.ndarray, lengths: np.ndarray) -> bool:
    """Whether each list rises; the lists lie end to end in `values`."""
    rises = np.diff(values) > 0
    ends = np.cumsum(lengths)
    ends = ends[(ends > 0) & (ends < len(values))]
    rises[ends - 1] = True  # from one list to the next
    return bool(np.all(rises))


def _check_keys(rows: pa.Table) -> None:
    """Refuse a row whose key does not belong to its settings, or whose settings this engine does not have."""
    keys = rows["key"].to_pylist()
    columns = {name: rows[name].to_pylist() for name in _SEEDS}
    for alike, members in _siblings(rows).items():
        own = dict(zip(_ALIKE[1:], alike[1:], strict=True))
        seeds, data_seeds = ([columns[name][row] for row in members] for name in _SEEDS)
        config = json.loads(str(alike[0]))
        if not isinstance(config, dict):
            raise ValueError(_("config is not an object."))
        if not config.keys().isdisjoint(SETTING_COLUMNS):
            raise ValueError(_("config repeats a setting that has a column of its own."))
        spec = RunSpec.of({**config, **own, "seed": seeds[0], "data_seed": data_seeds[0]})
        meant = spec.flat()
        if any(meant[name] != value for name, value in (config | own).items()):  # an older config may lack newer knobs
            raise ValueError(_("A run's settings are not written as they are meant."))
        expected = spec.sibling_keys(seeds, data_seeds)
        for row, key in zip(members, expected, strict=True):
            if keys[row] != key:
                raise ValueError(
                    _("key={found:.40} does not belong to its settings; expected {key}.", found=keys[row], key=key)
                )


def _siblings(rows: pa.Table) -> dict[tuple[object, ...], Sequence[int]]:
    """Return the numbers of the rows that differ in seeds alone, by the values that they share."""
    values = [rows[name].unique().to_pylist() for name in _ALIKE]
    if all(len(one) == 1 for one in values):  # true of most buckets
        return {tuple(one[0] for one in values): range(len(rows))}
    groups: dict[tuple[object, ...], list[int]] = {}
    for row, alike in enumerate(zip(*(rows[name].to_pylist() for name in _ALIKE), strict=True)):
        groups.setdefault(alike, []).append(row)
    return dict(groups)
