"""Reads an architecture as a tape that compiled code follows: one model after the other, many steps a call."""

import ctypes
from dataclasses import astuple

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.net.compiled import library
from engine.net.count import count
from engine.net.device_data import DeviceData, Examples
from engine.net.initial import initial_values
from engine.net.reader import Reader
from engine.net.tape import PAD, Operation, Tape, filled, stride_of, tape
from engine.spec import RunSpec

BLOCK = 64
"""Rows evaluated at a time, as in kernel.cpp."""

GRADIENT = 4096
"""Numbers of a weight gradient made at a time, and MOST_ROWS rows of it at least, as in kernel.cpp."""
MOST_ROWS = 6

REAL = {torch.float32: "float", torch.float64: "double"}


class _Operation(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in Operation.__dataclass_fields__]


class _Tape(ctypes.Structure):
    _fields_ = [("operations", ctypes.POINTER(_Operation)), ("count", ctypes.c_int64)]


class _Model(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("numbers", "mean", "square", "x", "y", "squares")),
        *((name, ctypes.c_double) for name in ("lr", "weight_decay", "l1", "momentum", "dropout")),
        ("seed", ctypes.c_int64),
        ("training", _Tape),
        ("evaluation", _Tape),
    ]


class _Bucket(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("models", "batch", "inputs", "outputs", "adamw", "widest")),
        *(
            (name, ctypes.c_void_p)
            for name in ("values", "slopes", "input", "turned", "transposed", "gradient", "evaluated")
        ),
    ]


class _Split(ctypes.Structure):
    _fields_ = [
        ("blocks", ctypes.c_void_p),
        ("y", ctypes.c_void_p),
        ("moved", ctypes.c_void_p),
        ("count", ctypes.c_int64),
    ]


class Kernel(Reader):
    """All models of a bucket in training, on one core. Raises: ValueError: where `supports` says no."""

    def __init__(self, runs: tuple[RunSpec, ...], data: DeviceData) -> None:
        self._runs, self._data, self.task = runs, data, runs[0].task
        dtype = data.train.x.dtype
        loaded, self._evaluation = library(REAL[dtype]), tape(runs[0], False)
        if loaded is None or self._evaluation is None:
            raise ValueError(f"reader=Kernel is not possible for {runs[0].arch} here; allowed: Batched.")
        self._library = loaded
        self._numbers = torch.zeros(3, len(runs), filled(self._evaluation.numbers), dtype=dtype)
        self.parameters = self._views(self._evaluation)
        for place, run in enumerate(runs):
            for parameter, value in zip(count(run).parameters, initial_values(run), strict=True):
                self.parameters[parameter.name][place] = torch.tensor(value, dtype=dtype)
        self._x = F.pad(data.train.x, (0, -data.train.x.shape[2] % PAD)).contiguous()
        self._splits: dict[int, tuple[Examples, Tensor, ctypes.Array[_Split]]] = {}
        self._squares = torch.full((len(runs),), torch.nan, dtype=torch.float64)
        self._kept: list[object] = []  # what the structures below point to
        self._models = (_Model * len(runs))(*(self._model(place, run) for place, run in enumerate(runs)))
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
        rows = rows.contiguous()
        self._library.train(
            ctypes.byref(self._bucket), self._models, _address(rows), ctypes.c_int64(len(rows)), ctypes.c_int64(first)
        )

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (models, classes, n) of x (models, n, inputs) in evaluation mode."""
        blocks, rows = _blocks(x), x.shape[1]
        splits = (_Split * len(x))(*(_Split(_address(part), None, None, rows) for part in blocks))
        out = x.new_empty(len(x), self._bucket.outputs, rows)
        self._library.logits(ctypes.byref(self._bucket), self._models, splits, _address(out))
        return out

    def norms(self) -> tuple[Tensor, Tensor]:
        """See Reader."""
        return torch.linalg.vector_norm(self._numbers[0], dim=1, dtype=torch.float64), self._squares.sqrt()

    def loss_and_error(self, split: Examples, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See Reader."""
        if id(split) not in self._splits:
            blocks = _blocks(split.x)
            places = which.tolist()
            moved = None if split.moved is None else [_address(of_one) for of_one in split.moved]
            views = (_Split(_address(blocks[i]), _address(split.y[i]), moved and moved[i], split.count) for i in places)
            self._splits[id(split)] = (split, blocks, (_Split * len(places))(*views))
        out = torch.empty(len(which), 3, dtype=torch.float64)
        views_of_models = self._splits[id(split)][2]
        self._library.measure(ctypes.byref(self._bucket), self._models, views_of_models, _address(out))
        return out[:, 0], out[:, 1], out[:, 2]

    def _views(self, tape: Tape) -> dict[str, Tensor]:
        """Return each parameter (models, …) as a part of all numbers."""
        found = {}
        for name, layer in tape.weights.items():
            weight = self._numbers[0, :, layer.weight : layer.weight + layer.units * layer.weight_stride]
            found[f"{name}.weight"] = weight.unflatten(1, (layer.units, layer.weight_stride))[:, :, : layer.fan_in]
            found[f"{name}.bias"] = self._numbers[0, :, layer.bias : layer.bias + layer.units]
        return found

    def _model(self, place: int, run: RunSpec) -> _Model:
        training, evaluation = tape(run, True), tape(run, False)
        assert training is not None
        assert evaluation is not None
        which = int(self._data.which[place])
        return _Model(
            *(_address(self._numbers[moment, place]) for moment in range(3)),
            _address(self._x[which]),
            _address(self._data.train.y[which]),
            _address(self._squares[place]),
            *(run.lr, run.weight_decay, run.l1, run.momentum, run.dropout, run.seed),
            self._written(training),
            self._written(evaluation),
        )

    def _written(self, tape: Tape) -> _Tape:
        operations = (_Operation * len(tape.operations))(
            *(_Operation(*astuple(operation)) for operation in tape.operations)
        )
        self._kept.append(operations)
        return _Tape(ctypes.cast(operations, ctypes.POINTER(_Operation)), len(operations))

    def _new_bucket(self, dtype: torch.dtype) -> _Bucket:
        tapes = [found for run in self._runs for training in (True, False) if (found := tape(run, training))]
        rows, widest = max(found.rows for found in tapes), max(found.widest for found in tapes)
        run = self._runs[0]
        inputs, stride, batch = run.task.inputs, stride_of(run.batch), filled(run.batch)
        hidden = stride_of(widest)
        sizes = (
            rows * stride,
            2 * widest * stride,
            batch * stride_of(inputs),
            filled(inputs) * stride,
            batch * hidden,
            max(GRADIENT, MOST_ROWS * max(hidden, stride_of(inputs))) + PAD * widest,
            rows * stride_of(BLOCK),
        )
        spaces = [torch.zeros(size, dtype=dtype) for size in sizes]
        self._kept.append(spaces)
        return _Bucket(
            *(len(self._runs), run.batch, inputs, run.task.outputs, run.optimizer == "adamw", widest),
            *(_address(space) for space in spaces),
        )


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _blocks(x: Tensor) -> Tensor:
    """Return x (sets, n, inputs) as (sets, blocks, inputs, stride of BLOCK), each block the columns of BLOCK rows."""
    whole = F.pad(x, (0, 0, 0, -x.shape[1] % BLOCK)).unflatten(1, (-1, BLOCK)).transpose(2, 3)
    return F.pad(whole, (0, stride_of(BLOCK) - BLOCK)).contiguous()
