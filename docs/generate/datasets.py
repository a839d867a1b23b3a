"""The page of all data sets: what an example is, what is asked of it, how many there are."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from docs.generate.markdown import code, joined, knobs, linked, table, value
from engine.data.openml import OFFICIAL_TEST, VALIDATION
from engine.spec import registry
from engine.spec.knob import Value
from engine.spec.task import Dataset, Task

INTRODUCTION = """\
# Data sets

Each row is a data set with the default values of its own settings, or with the ones that change what it asks. *Inputs*
says how inputs are standardised by default, by the training pool: `each` feature by itself, `all` numbers by one mean
and one deviation, or `off`; the setting `standardize` asks for another of the three. The targets of a regression are
always standardised. The training examples are the most that `dataset_size` may ask for. No example stands in two of
the three splits, except in `characters`: the same words come up again in any text."""


def page() -> str:
    """Return the page."""
    found = {name: registry.dataset(name) for name in registry.names("datasets")}
    rows = [row for name, dataset in found.items() for row in _rows(name, dataset)]
    head = ("name", "one example", "answer", "loss", "train / validation / test", "inputs")
    return joined(INTRODUCTION, table(head, rows), *(_section(name, dataset) for name, dataset in found.items()))


def _rows(name: str, dataset: Dataset) -> Iterator[tuple[str, ...]]:
    for changed in _variants(dataset):
        task = dataset.task(_defaults(dataset) | changed)
        options = ", ".join(f"{knob}={one}" for knob, one in changed.items())
        title = f"[{code(name)}](#{name})" + (f" with {code(options)}" if options else "")
        sizes = " / ".join(value(count) for count in _sizes(dataset, task, changed))
        yield title, _example(task), _answer(task), task.loss, sizes, dataset.scaling


def _variants(dataset: Dataset) -> list[dict[str, Value]]:
    """Return no change, and each change of one option that asks for another loss: a choice, or the largest number."""
    kept, usual = [dict[str, Value]()], dataset.task(_defaults(dataset)).loss
    for knob in dataset.knobs:
        others = knob.choices() if knob.kind is str else (int(knob.high),) if knob.kind is int else ()
        kept += [{knob.name: one} for one in others if _loss(dataset, {knob.name: one}) not in (usual, None)]
    return kept


def _loss(dataset: Dataset, changed: dict[str, Value]) -> str | None:
    try:
        return dataset.task(_defaults(dataset) | changed).loss
    except ValueError:  # e.g. a modulus that is not prime
        return None


def _defaults(dataset: Dataset) -> dict[str, Any]:
    return {knob.name: knob.default for knob in dataset.knobs}


def _downloads(dataset: Dataset) -> bool:
    return dataset.on_disk is not Dataset.__dataclass_fields__["on_disk"].default


def _sizes(dataset: Dataset, task: Task, changed: dict[str, Value]) -> list[int]:
    """Return the sizes of the splits; those of images that are downloaded are known without them."""
    if _downloads(dataset):
        return [task.max_size, VALIDATION, OFFICIAL_TEST]
    return [len(split.y) for split in dataset.load(0, _defaults(dataset) | changed)]


def _example(task: Task) -> str:
    if task.tokens:
        return f"{value(task.shape[0])} tokens of {value(task.tokens)}"
    shape = "×".join(str(side) for side in task.shape)
    return f"{shape} numbers" if len(task.shape) == 1 else f"{shape}: {_kind(task)}"


def _kind(task: Task) -> str:
    return {2: "a signal", 3: "an image"}[len(task.shape)]


def _answer(task: Task) -> str:
    if task.loss == "sequence":
        return f"{task.answers} answers of {task.outputs // task.answers} classes"
    if task.loss == "cross-entropy":
        return f"{value(task.outputs)} classes"
    return f"{value(task.outputs)} {'number' if task.outputs == 1 else 'numbers'}"


def _section(name: str, dataset: Dataset) -> str:
    module = importlib.import_module(f"engine.datasets.{name.replace('-', '_')}")
    parts = [f"## {name}", linked(inspect.cleandoc(module.__doc__ or ""))]
    if dataset.version:
        parts.append(
            "Its examples are those of one version of Python, whose number, the last part included, is a part of every "
            "key: under another version, results that ship or that were trained before are not found, and a new "
            "training gives figures close to them."
        )
    if dataset.knobs:
        parts.append(knobs(dataset.knobs))
    return "\n\n".join(parts)
