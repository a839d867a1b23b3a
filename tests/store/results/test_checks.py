"""Rows of runs that no result is written as are refused; the hash over rows knows no batches."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from engine.spec.result import RunState
from store.exchange.row_hash import RowHash
from store.results.checks import check_rows
from store.results.rows import SCHEMA, as_table
from tests.store.fakes import RUNS, result

STATES = [RunState.DIVERGED, RunState.FAILED, *[RunState.FINISHED] * 7]
ROWS = as_table([(10**15, result(run, state)) for run, state in zip(RUNS, STATES, strict=True)])
LAST = len(ROWS) - 1


def _with(name: str, change: Callable[[Any], Any], row: int = LAST) -> pa.Table:
    values = ROWS[name].to_pylist()
    values[row] = change(values[row])
    place = SCHEMA.get_field_index(name)
    return ROWS.set_column(place, SCHEMA.field(name), pa.array(values, SCHEMA.field(name).type))


def _config(**changes: object) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | changes, sort_keys=True)


def _of(name: str) -> Callable[[str], str]:
    return lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != name})


LIES: dict[str, tuple[pa.Table, str]] = {
    "other key": (_with("key", lambda key: key[::-1]), "does not belong to its settings"),
    "another's key": (_with("key", lambda key: RUNS[0].key), "does not belong to its settings"),
    "other seed": (_with("seed", lambda seed: seed + 1), "does not belong to its settings"),
    "vast seed": (_with("seed", lambda seed: 2**31), "seed=2147483648 is not possible"),
    "other width": (_with("width", lambda width: width + 1), "does not belong to its settings"),
    "other setting": (_with("config", _config(lr=0.5)), "does not belong to its settings"),
    "unknown setting": (_with("config", _config(magic=1)), "magic=1 is not a setting"),
    "setting twice": (_with("config", _config(width=4)), "repeats a setting"),
    "setting without effect": (_with("config", _config(momentum=0.5)), "not written as they are meant"),
    "no config": (_with("config", lambda text: "[]"), "config is not an object"),
    "half a config": (_with("config", lambda text: text[:-3]), "Expecting|Unterminated"),
    "no state": (_with("state", lambda state: None), "state is missing in a row"),
    "unknown state": (_with("state", lambda state: "great"), "'great' is not a valid RunState"),
    "other engine": (_with("engine_version", lambda version: 1), "engine_version=1; this engine's is"),
    "vast params": (_with("params", lambda params: 2**63), "params is not a whole number"),
    "negative seconds": (_with("seconds", lambda seconds: -1.0), "seconds is not a number from 0"),
    "endless flops": (_with("train_flops", lambda flops: float("inf")), "train_flops is not a number from 0"),
    "before time": (_with("created", lambda created: -1), "created is no possible time"),
    "falling steps": (_with("step", lambda steps: [0, 20, 10, 30, 40]), "step is not a rising list"),
    "a step twice": (_with("step", lambda steps: [0, 0, 10, 30, 40], row=0), "step is not a rising list"),
    "a step missing": (_with("step", lambda steps: [None, *steps[1:]]), "step is not a rising list"),
    "short list": (_with("val_loss", lambda values: values[:-1]), "val_loss has 4 values for 5 steps"),
    "endless loss": (_with("val_loss", lambda values: [float("inf"), *values[1:]]), "no finite number"),
    "no number": (_with("val_loss", lambda values: [None] * 5), "list without a number"),
    "negative clock": (_with("point_seconds", lambda values: [-1, *values[1:]]), "no number from 0"),
    "clock without a time": (_with("point_seconds", lambda values: [None, *values[1:]]), "no number from 0"),
    "column missing": (ROWS.drop_columns("step"), "column step is missing"),
    "other type": (ROWS.set_column(4, "depth", ROWS["depth"].cast(pa.int64())), "is missing or not of type"),
    "other order": (ROWS.select(SCHEMA.names[::-1]), "in another order"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_row_that_no_result_is_written_as_is_refused(lie: str) -> None:
    rows, words = LIES[lie]
    with pytest.raises(ValueError, match=words):
        check_rows(rows)
    with pytest.raises(ValueError, match=words):
        check_rows(pa.concat_tables([rows.slice(0, 3), rows.slice(3)]))


def test_honest_rows_pass_in_whatever_batches() -> None:
    for cut in range(len(ROWS) + 1):
        check_rows(pa.concat_tables([ROWS.slice(0, cut), ROWS.slice(cut)]))
        check_rows(ROWS.slice(cut))


def test_a_run_from_before_a_setting_was_there_passes() -> None:
    check_rows(_with("config", _of("label_smoothing")))


def _hash(*batches: pa.Table) -> str:
    found = RowHash()
    for batch in batches:
        found.add(batch)
    return found.hexdigest()


def test_the_hash_of_rows_knows_no_batches() -> None:
    whole = _hash(ROWS)
    for cut in range(len(ROWS) + 1):
        assert _hash(ROWS.slice(0, cut), ROWS.slice(cut)) == whole
    assert _hash(pa.concat_tables([ROWS.slice(0, 4), ROWS.slice(4)])) == whole


@pytest.mark.parametrize("name", SCHEMA.names)
def test_a_change_of_any_column_changes_the_hash(name: str) -> None:
    values = ROWS[name].to_pylist()
    swapped = pa.array([*values[1:], values[0]], SCHEMA.field(name).type)
    if not swapped.equals(ROWS[name].combine_chunks()):  # not all rows have one value
        assert _hash(ROWS.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), swapped)) != _hash(ROWS)
    dropped = pa.nulls(len(ROWS), SCHEMA.field(name).type) if pa.types.is_list(SCHEMA.field(name).type) else None
    if dropped is not None:
        assert _hash(ROWS.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), dropped)) != _hash(ROWS)


def test_texts_that_run_into_each_other_have_hashes_of_their_own() -> None:
    pairs = [("a", "bc"), ("ab", "c")]
    tables = [
        ROWS.slice(0, 2).set_column(SCHEMA.get_field_index("error"), SCHEMA.field("error"), pa.array(pair))
        for pair in pairs
    ]
    assert _hash(tables[0]) != _hash(tables[1])
