"""What a law is fitted to: sizes, data, losses and the run each belongs to, and what was left out and why."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOPS_PER_PARAM_TOKEN = 6.0
"""C = 6·N·D: training FLOPs per parameter and token. Source: arXiv:2001.08361 §2.1."""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Rows that were left out."""

    rows: tuple[int, ...]
    """Places in the given table, from 0."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Rows of one table; every array has the shape (rows,) and holds finite numbers above 0."""

    n: Array
    """Model size: params, or whatever the x axis is."""
    loss: Array
    """What is predicted: nats, an error, an accuracy."""
    d: Array | None = None
    """Training examples or tokens."""
    unique: Array | None = None
    """Different examples or tokens among `d`."""
    run: NDArray[np.intp]
    """The run that a row belongs to, from 0: rows of one run are resampled together."""
    row: NDArray[np.intp]
    """Its place in the given table."""
    dropped: tuple[Dropped, ...] = field(default=())

    @property
    def compute(self) -> Array:
        """Training FLOPs, 6·n·d. Raises: ValueError: without `d`."""
        if self.d is None:
            raise ValueError("d is missing; allowed: a column of training tokens, or of training FLOPs.")
        return FLOPS_PER_PARAM_TOKEN * self.n * self.d

    def inputs(self, names: Sequence[str]) -> Array:
        """Return log inputs (len(names), rows). Raises: ValueError: for one that is missing."""
        found = []
        for name in names:
            values = getattr(self, name)
            if values is None:
                raise ValueError(f"{name} is missing; this law needs {', '.join(names)} and the loss.")
            found.append(np.log(values))
        return np.stack(found)

    def take(self, which: NDArray[np.bool_]) -> "Observations":
        """Return the rows where `which` (rows,) is true."""
        return replace(
            self,
            n=self.n[which],
            loss=self.loss[which],
            d=None if self.d is None else self.d[which],
            unique=None if self.unique is None else self.unique[which],
            run=self.run[which],
            row=self.row[which],
        )

    def __len__(self) -> int:
        return len(self.loss)


def observe(
    n: Sequence[float] | Array,
    loss: Sequence[float] | Array,
    *,
    d: Sequence[float] | Array | None = None,
    c: Sequence[float] | Array | None = None,
    unique: Sequence[float] | Array | None = None,
    run: Sequence[object] | None = None,
    drop_largest_losses: int = 0,
) -> Observations:
    """Return observations of the rows that can be fitted; `c` are training FLOPs, from which d = c / 6n.

    Rows with anything that is no finite number above 0 are dropped, and so are those whose loss is at least that of the
    `drop_largest_losses`-th largest; without `run`, every row is a run of its own.
    Raises: ValueError: for columns of different lengths, both d and c, or nothing left.
    """
    if d is not None and c is not None:
        raise ValueError("d and c are both given; allowed: training tokens, or training FLOPs.")
    columns = {"n": n, "loss": loss, "d": d, "c": c, "unique": unique}
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items() if values is not None}
    lengths = {name: len(values) for name, values in arrays.items()} | ({} if run is None else {"run": len(run)})
    if len(set(lengths.values())) != 1:
        raise ValueError(f"columns have different lengths: {lengths}.")
    if drop_largest_losses < 0:
        raise ValueError(f"drop_largest_losses={drop_largest_losses} is not possible; allowed: a whole number from 0.")
    sound = np.all([np.isfinite(values) & (values > 0) for values in arrays.values()], axis=0)
    dropped = []
    if not sound.all():
        places = tuple(int(place) for place in np.flatnonzero(~sound))
        dropped.append(Dropped(rows=places, reason="a value is missing, not finite, or not above 0"))
    kept = sound
    if drop_largest_losses:
        if drop_largest_losses >= sound.sum():
            raise ValueError(f"drop_largest_losses={drop_largest_losses} would leave none of {sound.sum()} rows.")
        limit = np.sort(arrays["loss"][sound])[-drop_largest_losses]
        kept = sound & (arrays["loss"] < limit)
        places = tuple(int(place) for place in np.flatnonzero(sound & ~kept))
        reason = f"asked for: the {drop_largest_losses} largest losses, those from {limit:.6g}"
        dropped.append(Dropped(rows=places, reason=reason))
    if not kept.any():
        raise ValueError("no row is left to fit; allowed: rows whose size and loss are finite numbers above 0.")
    if c is not None:
        arrays["d"] = arrays.pop("c") / (FLOPS_PER_PARAM_TOKEN * arrays["n"])
    labels = list(range(len(sound))) if run is None else [str(label) for label in run]
    _, runs = np.unique(np.array(labels)[kept], return_inverse=True)
    return Observations(
        n=arrays["n"][kept],
        loss=arrays["loss"][kept],
        d=arrays["d"][kept] if "d" in arrays else None,
        unique=arrays["unique"][kept] if "unique" in arrays else None,
        run=runs.astype(np.intp),
        row=np.flatnonzero(kept),
        dropped=tuple(dropped),
    )


def decades(values: Array) -> float:
    """Return over how many factors of ten `values` range."""
    return math.log10(float(values.max()) / float(values.min()))
