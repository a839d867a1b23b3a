"""Reads an architecture as a tape that compiled code follows: one model after the other, many steps a call."""

import ctypes
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.base.language import _
from engine.net.device_data import DeviceData, Examples
from engine.net.initial import initial_values
from engine.net.kernel import structures
from engine.net.kernel.abi import COUNTED, GRADIENT, LOSSES, MEASURED, MOST_ROWS
from engine.net.kernel.buffers import PAD, filled, stride_of
from engine.net.kernel.build import library
from engine.net.kernel.program import Tape, tape
from engine.net.kernel.program_writer import BLOCK
from engine.net.kernel.structures import RATES
from engine.net.lr_schedule import rate
from engine.net.reader import Classes, Resumable
from engine.spec.count import count
from engine.spec.run import RunSpec

REAL = {torch.float32: "float", torch.float64: "double"}


@dataclass(frozen=True, kw_only=True)
class _Laid:
    """A split in the layout of the kernel, with the arrays that it points to."""

    views: "ctypes.Array[structures.Split]"
    """One per model."""
    kept: tuple[object, ...]
    labels: Tensor
    """(models, outputs) float64: examples of each class."""


class Kernel(Resumable):
    """All models of a bucket in training, on one core. Raises: ValueError: where `supports` says no."""

    def __init__(self, runs: tuple[RunSpec, ...], data: DeviceData) -> None:
        self._runs, self._data, self.task = runs, data, runs[0].task
        dtype = data.train.x.dtype
        loaded, evaluation = library(REAL[dtype]), tape(runs[0], False)
        if loaded is None or evaluation is None:
            raise ValueError(_("reader=Kernel is not possible for {arch} here; allowed: Batched.", arch=runs[0].arch))
        self._library, self._evaluation = loaded, evaluation
        self._numbers = torch.zeros(3, len(runs), filled(self._evaluation.numbers), dtype=dtype)
        self._lr = torch.tensor([run.lr for run in runs], dtype=torch.float64)
        self._changing = any(run.schedule != "constant" or run.warmup > 0 for run in runs)
        self.parameters = self._views(self._evaluation)
        for place, run in enumerate(runs):
            for parameter, value in zip(count(run).parameters, initial_values(run), strict=True):
                self.parameters[parameter.name][place] = torch.tensor(value, dtype=dtype)
        self._running = torch.tensor([self._evaluation.running] * len(runs), dtype=dtype)
        x, missing = self._ordered(data.train.x), -data.train.x.shape[2] % PAD
        self._x = (F.pad(x, (0, missing)) if missing else x).contiguous()
        self._y = _labels(data.train, dtype).contiguous()
        self._laid: dict[int, _Laid] = {}
        self._squares = torch.full((len(runs),), torch.nan, dtype=torch.float64)
        self._kept: list[object] = []  # what the structures below point to
        self._tapes: dict[tuple[tuple[int, ...], ...], structures.Tape] = {}
        self._models = (structures.Model * len(runs))(*(self._model(place, run) for place, run in enumerate(runs)))
        self._bucket = self._new_bucket(dtype)

    @staticmethod
    def supports(run: RunSpec, dtype: torch.dtype) -> bool:
        """Return whether this machine can compile the kernel and the kernel knows the architecture."""
        return tape(run, True) is not None and dtype in REAL and library(REAL[dtype]) is not None

    def step(self, rows: Tensor, step: int) -> None:
        """Take optimizer step `step` on the examples `rows` (models, batch)."""
        self.steps(rows[None], step)

    def steps(self, rows: Tensor, first: int) -> None:
        """Take steps on `rows` (steps, models, batch), all of one model before the next model's."""
        rows = rows if rows.stride(2) == 1 else rows.contiguous()
        steps, models, _ = map(ctypes.c_int64, rows.stride())
        arguments = _address(rows), models, steps, _address(rates := self._rates(first, len(rows)))
        counts = ctypes.c_int64(rates.shape[1]), ctypes.c_int64(first)
        self._library.train(ctypes.byref(self._bucket), self._models, *arguments, *counts)

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (models, classes, n) of x (models, n, inputs) in evaluation mode."""
        blocks, rows = _in_blocks(self._ordered(x)), x.shape[1]
        views = (structures.Split(blocks=_address(part), count=rows) for part in blocks)
        splits = (structures.Split * len(x))(*views)
        out = x.new_empty(len(x), self._bucket.outputs, rows)
        self._library.logits(ctypes.byref(self._bucket), self._models, splits, _address(out))
        return out

    def norms(self) -> tuple[Tensor, Tensor]:
        """See Reader."""
        return torch.linalg.vector_norm(self._numbers[0], dim=1, dtype=torch.float64), self._squares.sqrt()

    def statistics(self) -> dict[str, Tensor]:
        """See Reader."""
        return {name: self._running[:, at : at + n] for name, (at, n) in self._evaluation.statistics.items()}

    def changing(self) -> dict[str, Tensor]:
        """See Resumable. Only AdamW reads squares."""
        moments = ("weights", "mean", "square") if self._bucket.adamw else ("weights", "mean")
        return dict(zip(moments, self._numbers, strict=False)) | {"running": self._running}

    def loss_and_error(self, split: Examples, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See Reader."""
        loss, error, flipped, _ = self._measured(self._lay(split, which), None)
        return loss, error / split.variance[which], flipped

    def classes(self, split: Examples, which: Tensor) -> Classes:
        """See Reader."""
        laid = self._lay(split, which)
        counts = torch.zeros(len(which), COUNTED, self._bucket.outputs, dtype=torch.int64)
        loss, error, _, brier = self._measured(laid, counts)
        hits, answers = counts.double().unbind(dim=1)
        return Classes(loss=loss, error=error, brier=brier, hits=hits, answers=answers, labels=laid.labels)

    def _measured(self, laid: _Laid, counts: Tensor | None) -> tuple[Tensor, ...]:
        """Return loss, error, flipped error and Brier score of every model; `counts` are filled where given."""
        out = torch.empty(len(self._runs), MEASURED, dtype=torch.float64)
        where = None if counts is None else _address(counts)
        self._library.measure(ctypes.byref(self._bucket), self._models, laid.views, _address(out), where)
        return out.unbind(dim=1)

    def _lay(self, split: Examples, which: Tensor) -> _Laid:
        """Return the split as blocks, laid out when it is first asked for."""
        if id(split) not in self._laid:
            dtype, places = split.x.dtype, which.tolist()
            x, y = _in_blocks(self._ordered(split.x)), _in_blocks(_labels(split, dtype))
            moved = None if split.moved is None else _in_blocks(split.moved.to(dtype)[:, :, None])
            flags = [None if moved is None else _address(moved[i]) for i in places]
            views = (
                structures.Split(blocks=_address(x[i]), y=_address(y[i]), moved=flag, count=split.count)
                for i, flag in zip(places, flags, strict=True)
            )
            labels = torch.zeros(len(split.y), self.task.outputs + 1, dtype=torch.float64)
            if self.task.loss == "cross-entropy":  # empty rows, of class −1, come first
                labels.scatter_add_(1, split.y + 1, torch.ones(split.y.shape, dtype=torch.float64))
            self._laid[id(split)] = _Laid(
                views=(structures.Split * len(places))(*views), kept=(split, x, y, moved), labels=labels[which, 1:]
            )
        return self._laid[id(split)]

    def _rates(self, first: int, steps: int) -> Tensor:
        """Return the learning rates (models, steps), float64, from step `first` on."""
        if not self._changing:
            return self._lr[:, None].expand(-1, steps).contiguous()
        asked = [(run.lr, run.schedule, run.final_lr, run.warmup) for run in self._runs]
        distinct = dict(zip(asked, self._runs, strict=True))
        places = {schedule: place for place, schedule in enumerate(distinct)}
        rates = [[rate(run, step) for step in range(first, first + steps)] for run in distinct.values()]
        return torch.tensor(rates, dtype=torch.float64)[[places[schedule] for schedule in asked]]

    def _ordered(self, x: Tensor) -> Tensor:
        """Return examples (…, inputs) with their numbers in the order in which the tape reads them."""
        order = self._evaluation.order
        return x if order is None else x[..., list(order)]

    def _views(self, tape: Tape) -> dict[str, Tensor]:
        """Return each parameter (models, *dims) as a part of all numbers."""
        found = {}
        for name, place in tape.parameters.items():
            rows, inner = (place.dims[0], place.dims[1:]) if len(place.dims) > 1 else (1, place.dims)
            whole = self._numbers[0, :, place.at : place.at + rows * place.stride].unflatten(1, (rows, place.stride))
            part = whole[:, :, : math.prod(inner)]
            found[name] = part.unflatten(2, inner) if len(place.dims) > 1 else part[:, 0]
        return found

    def _model(self, place: int, run: RunSpec) -> structures.Model:
        training, evaluation = tape(run, True), tape(run, False)
        assert training is not None
        assert evaluation is not None
        which = int(self._data.which[place])
        return structures.Model(
            numbers=_address(self._numbers[0, place]),
            mean=_address(self._numbers[1, place]),
            square=_address(self._numbers[2, place]),
            running=_address(self._running[place]),
            x=_address(self._x[which]),
            y=_address(self._y[which]),
            squares=_address(self._squares[place]),
            seed=run.seed,
            training=self._written(training),
            evaluation=self._written(evaluation),
            **{name: getattr(run, name) for name in RATES},
        )

    def _written(self, tape: Tape) -> structures.Tape:
        """Return the tape for C++, the same one for all models that have it."""
        words = (tape.operations, tape.values)
        if words not in self._tapes:
            operations, values = (torch.tensor(part, dtype=torch.int64) for part in words)
            self._kept.append((operations, values))
            self._tapes[words] = structures.Tape(
                operations=_address(operations),
                count=tape.count,
                values=_address(values),
                input_stride=tape.input_stride,
            )
        return self._tapes[words]

    def _new_bucket(self, dtype: torch.dtype) -> structures.Bucket:
        tapes = [found for run in self._runs for training in (True, False) if (found := tape(run, training))]
        run, task, numbers = self._runs[0], self.task, self._numbers.shape[2]
        batch, labels = filled(run.batch), self._y.shape[2]
        stride = stride_of(batch)
        widest = max(task.inputs, *(found.widest for found in tapes))
        sizes = {
            "space": max(found.space for found in tapes),
            "scratch": max(found.scratch for found in tapes),
            "input": batch * stride_of(task.inputs),
            "turned": filled(task.inputs) * stride,
            "answers": labels * stride,
            "gradient": max(GRADIENT, MOST_ROWS * stride_of(widest)),
            "whole": numbers,
        }
        spaces = {name: torch.zeros(size, dtype=dtype) for name, size in sizes.items()}
        self._kept.append(spaces)
        return structures.Bucket(
            models=len(self._runs),
            batch=run.batch,
            inputs=task.inputs,
            outputs=task.outputs,
            labels=labels,
            loss=LOSSES.index(task.loss),
            adamw=run.optimizer == "adamw",
            numbers=numbers,
            **{name: _address(space) for name, space in spaces.items()},
        )


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _labels(split: Examples, dtype: torch.dtype) -> Tensor:
    """Return the labels as (sets, rows, labels): a class as one number, exact up to 2^24."""
    return split.y.to(dtype).reshape(*split.y.shape[:2], -1)


def _in_blocks(x: Tensor) -> Tensor:
    """Return x (sets, n, numbers) as (sets, blocks, numbers, BLOCK), the last block filled up with zeros."""
    sets, count, numbers = x.shape
    whole, rest = divmod(count, BLOCK)
    blocks = x.new_zeros(sets, whole + (rest > 0), numbers, BLOCK)
    blocks[:, :whole] = x[:, : whole * BLOCK].view(sets, whole, BLOCK, numbers).mT
    if rest:
        blocks[:, whole, :, :rest] = x[:, whole * BLOCK :].mT
    return blocks
