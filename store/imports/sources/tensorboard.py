"""TensorBoard: a folder of event files, a run for each subfolder that has some."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from engine.base.language import _
from store.imports.sources.source import Curve, Raw, Source, by_package, curve, tabled

MAX_EVENTS = 2**31
"""Most bytes of all event files together."""
_SEARCHED = 2_000
"""Most folders that are searched for an event file."""
_BACKEND = "tensorboard.backend.event_processing.event_accumulator"
_HPARAMS = "tensorboard.plugins.hparams.plugin_data_pb2"


@dataclass(kw_only=True)
class _Run:
    name: str
    hparams: dict[str, Any]
    tags: dict[str, Curve]


def fits(path: Path) -> bool:
    """Return whether an event file is in the folder, or in one of the first folders below it."""
    return any(_is_event(name) for _, _, names in islice(os.walk(path), _SEARCHED) for name in names)


def read(path: Path) -> Raw:
    """Return one row per run: its folder, its hyperparameters as hparams.X, and the last value of each scalar."""
    folders = sorted(folder for folder, _folders, names in os.walk(path) if any(map(_is_event, names)))
    if not folders:
        raise ValueError(_("{path} has no event file of TensorBoard in it.", path=path))
    size = sum(file.stat().st_size for folder in folders for file in Path(folder).iterdir() if _is_event(file.name))
    if size > MAX_EVENTS:
        raise ValueError(
            _(
                "{path} has {size:,} bytes of events; up to {most:,} are read: take a part of it.",
                path=path,
                size=size,
                most=MAX_EVENTS,
            )
        )
    with by_package(path, "tensorboard", _BACKEND, _HPARAMS, "tensorboard.util.tensor_util") as modules:
        runs = _merged([_read(path, folder, *modules) for folder in folders])
    runs = [run for run in runs if run.tags]
    rows = [
        {"run": run.name}
        | {f"hparams.{name}": value for name, value in run.hparams.items()}
        | {tag: values[-1] for tag, (_steps, values) in run.tags.items() if tag != "run"}
        for run in runs
    ]

    def curves(column: str, rows: Sequence[int]) -> list[Curve | None]:
        return [runs[row].tags.get(column) for row in rows]

    return Raw(kind="tensorboard", source=str(path), table=tabled(path, rows), run="run", curves=curves)


def _read(root: Path, folder: str, backend: Any, hparams: Any, tensors: Any) -> _Run:
    wanted = dict.fromkeys(("compressedHistograms", "histograms", "images", "audio"), 1) | {"scalars": 0, "tensors": 0}
    events = backend.EventAccumulator(folder, size_guidance=wanted).Reload()
    found: dict[str, Any] = {}
    for tag in events.Tags()["scalars"]:
        found[tag] = curve((event.step, event.value) for event in events.Scalars(tag))
    for tag in events.Tags()["tensors"]:  # where TensorFlow 2 has its scalars
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            points = [(event.step, tensors.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
            found[tag] = curve((step, float(value.item())) for step, value in points if value.size == 1)
    return _Run(
        name=os.path.relpath(folder, root),
        hparams=_hparams(events, hparams),
        tags={tag: values for tag, values in found.items() if values is not None},
    )


def _hparams(events: Any, hparams: Any) -> dict[str, Any]:
    try:
        contents = events.PluginTagToContent("hparams")
    except KeyError:
        return {}
    found: dict[str, Any] = {}
    for content in contents.values():
        values = hparams.HParamsPluginData.FromString(content).session_start_info.hparams
        for name, value in values.items():
            kind = value.WhichOneof("kind")
            found[name] = getattr(value, kind) if kind in ("number_value", "string_value", "bool_value") else None
    return found


def _merged(runs: list[_Run]) -> list[_Run]:
    """Give a run the hyperparameters that PyTorch's writer put into a folder of their own within its folder."""
    by_name = {run.name: run for run in runs}
    merged = []
    for run in runs:
        parent = by_name.get(os.path.dirname(run.name) or ".")
        single = all(len(steps) == 1 for steps, _ in run.tags.values())
        if run.hparams and single and parent is not None and parent is not run and not parent.hparams:
            parent.hparams = run.hparams
            parent.tags = run.tags | parent.tags
        else:
            merged.append(run)
    return merged


def _is_event(name: str) -> bool:
    return "tfevents" in name


SOURCE = Source(title=_("TensorBoard event folders"), fits=fits, read=read)
