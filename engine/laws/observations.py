"""Observations, which laws are fitted to: sizes, data, losses, the run of each row, and the rows that were left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.base.language import _, _n

Array = NDArray[np.float64]

FLOPS_PER_PARAM_TOKEN = 6.0
"""C = 6·N·D: training FLOPs per parameter and token. Source: arXiv:2001.08361 §2.1."""


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Rows that were left out for one reason."""

    rows: tuple[int, ...]
    """Rows of the given table, from 0."""
    reason: str
    """The reason as users read it."""


@dataclass(frozen=True, kw_only=True)
class Observations:
    """Rows of one table; every array has the shape (rows,) and holds finite numbers above 0."""

    n: Array
    """Model size: params, or another measure of size."""
    loss: Array
    """What is predicted: a loss in nats, an error or an accuracy as a share."""
    d: Array | None = None
    """Training examples or tokens."""
    unique: Array | None = None
    """Unique examples or tokens among `d`."""
    run: NDArray[np.intp]
    """The run of each row, from 0: the rows of one run are resampled together."""
    row: NDArray[np.intp]
    """The row of the given table, from 0."""
    dropped: tuple[Dropped, ...] = field(default=())

    @property
    def compute(self) -> Array:
        """Training FLOPs, 6·n·d. Raises: ValueError: without `d`."""
        if self.d is None:
            raise ValueError(_("d is missing; allowed: a column of training tokens, or of training FLOPs."))
        return FLOPS_PER_PARAM_TOKEN * self.n * self.d

    def inputs(self, names: Sequence[str]) -> Array:
        """Return the logs of columns, (len(names), rows). Raises: ValueError: for a column that is missing."""
        found = []
        for name in names:
            values = getattr(self, name)
            if values is None:
                raise ValueError(
                    _("{name} is missing; this law needs {inputs} and the loss.", name=name, inputs=", ".join(names))
                )
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
    """Return observations of the rows that can be fitted; all columns have the shape (rows,).

    `n`: model size; `d`: training examples or tokens; `c`: training FLOPs, from which d = c / 6n; `unique`: unique
    examples or tokens among d; `run`: names the run of each row, without it every row is a run of its own.
    Rows with a value that is not a finite number above 0 are dropped, and so are the `drop_largest_losses` largest
    losses, with any that are equal to the smallest of these.
    Raises: ValueError: for columns of different lengths, for both d and c, or where no row is left.
    """
    if d is not None and c is not None:
        raise ValueError(_("d and c are both given; allowed: training tokens, or training FLOPs."))
    columns = {"n": n, "loss": loss, "d": d, "c": c, "unique": unique}
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items() if values is not None}
    lengths = {name: len(values) for name, values in arrays.items()} | ({} if run is None else {"run": len(run)})
    if len(set(lengths.values())) != 1:
        raise ValueError(_("columns have different lengths: {lengths}.", lengths=lengths))
    if drop_largest_losses < 0:
        raise ValueError(
            _("drop_largest_losses={count} is not possible; allowed: a whole number from 0.", count=drop_largest_losses)
        )
    fitted, dropped = _usable(arrays, drop_largest_losses)
    if c is not None:
        arrays["d"] = arrays.pop("c") / (FLOPS_PER_PARAM_TOKEN * arrays["n"])
    labels = list(range(len(fitted))) if run is None else [str(label) for label in run]
    _labels, runs = np.unique(np.array(labels)[fitted], return_inverse=True)
    return Observations(
        n=arrays["n"][fitted],
        loss=arrays["loss"][fitted],
        d=arrays["d"][fitted] if "d" in arrays else None,
        unique=arrays["unique"][fitted] if "unique" in arrays else None,
        run=runs.astype(np.intp),
        row=np.flatnonzero(fitted),
        dropped=dropped,
    )


def _usable(arrays: Mapping[str, Array], drop_largest_losses: int) -> tuple[NDArray[np.bool_], tuple[Dropped, ...]]:
    """Return which rows can be fitted, (rows,), and which were dropped and why. Raises: ValueError: for none left."""
    sound = np.all([np.isfinite(values) & (values > 0) for values in arrays.values()], axis=0)
    dropped = []
    if not sound.all():
        dropped.append(Dropped(rows=_rows(~sound), reason=_("a value is missing, not finite, or not above 0")))
    fitted = sound
    if drop_largest_losses:
        if drop_largest_losses >= sound.sum():
            raise ValueError(
                _n(
                    "drop_largest_losses={count} would leave none of {n} rows.",
                    "drop_largest_losses={count} would leave none of {n} rows.",
                    int(sound.sum()),
                    count=drop_largest_losses,
                )
            )
        limit = np.sort(arrays["loss"][sound])[-drop_largest_losses]
        fitted = sound & (arrays["loss"] < limit)
        reason = _n(
            "asked for: the {n} largest losses, those from {limit:.6g}",
            "asked for: the {n} largest losses, those from {limit:.6g}",
            drop_largest_losses,
            limit=limit,
        )
        dropped.append(Dropped(rows=_rows(sound & ~fitted), reason=reason))
    if not fitted.any():
        raise ValueError(_("no row is left to fit; allowed: rows whose size and loss are finite numbers above 0."))
    return fitted, tuple(dropped)


def _rows(which: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(row) for row in np.flatnonzero(which))


def decades(values: Array) -> float:
    """Return how many factors of ten `values` span."""
    return math.log10(float(values.max()) / float(values.min()))
