"""Bias and variance of each size, from the answers of several seeds to one test set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from engine.base.language import _
from engine.spec.run import RunSpec
from engine.verdicts.curves import Array
from engine.verdicts.series import Series


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The squared error of one size and its parts: error = bias_squared + variance."""

    size: float
    seeds: int
    """Seeds that share a test set; their sum where there are several test sets."""
    examples: int
    """Test examples, likewise."""
    error: float
    """Mean squared distance of answers to labels, summed over outputs; for probabilities the Brier score, 0 to 2."""
    bias_squared: float
    """The error of the mean of infinitely many seeds. The estimate may be a little below 0."""
    variance: float
    """Mean squared distance of the seeds to their mean."""


def decompose(outputs: Array, labels: Array) -> tuple[float, float]:
    """Return unbiased estimates of bias² and variance.

    `outputs`: (seeds, examples, outputs); `labels`: (examples, outputs), taken to be free of noise. The squared
    distance of the mean of n seeds to the labels contains 1/n of the variance, which is subtracted; bias² and variance
    always sum to the mean squared error of the seeds.
    Raises: ValueError: for fewer than two seeds.
    Source: arXiv:2002.11328, for one training set.
    """
    n = len(outputs)
    if n < 2:
        raise ValueError(_("seeds={n} is not possible; allowed: at least 2.", n=n))
    mean = outputs.mean(axis=0)
    variance = float(((outputs - mean) ** 2).sum(axis=2).mean()) * n / (n - 1)
    return float(((mean - labels) ** 2).sum(axis=1).mean()) - variance / n, variance


def bias_variance(
    series: Series, predictions: Mapping[str, Mapping[str, np.ndarray]], labels: Callable[[RunSpec], np.ndarray]
) -> tuple[tuple[Parts, ...], str]:
    """Return the parts of every size that has them, and a sentence on what is left out, "" where nothing is.

    `predictions`: by a run's key, as store.results.queries.predictions returns them; `labels`: returns the test labels
    of a run. The test set depends on data_seed: only runs with the same test set are compared, and the parts of several
    test sets are averaged.
    """
    groups: dict[tuple[float, int], list[RunSpec]] = {}
    for index in series.members:
        run = series.curves.runs[index]
        if run.key in predictions and _whole(run, predictions[run.key]["outputs"]):
            groups.setdefault((getattr(run, series.axis), run.data_seed), []).append(run)
    found: dict[float, list[Parts]] = {}
    for (size, _data_seed), runs in groups.items():
        if len(runs) > 1:
            found.setdefault(size, []).append(_parts(size, runs, predictions, labels(runs[0])))
    rows = tuple(_mean(found[size]) for size in sorted(found))
    return rows, _left_out(series, groups, rows)


def _whole(run: RunSpec, outputs: np.ndarray) -> bool:
    """Return whether the probabilities of all classes, or all predicted numbers, are there."""
    return run.task.loss != "hinge" and outputs.shape[-1] == run.task.outputs // run.task.answers


def _parts(
    size: float, runs: list[RunSpec], predictions: Mapping[str, Mapping[str, np.ndarray]], labels: np.ndarray
) -> Parts:
    width = runs[0].task.outputs // runs[0].task.answers
    outputs = np.stack([predictions[run.key]["outputs"].reshape(-1, width).astype(np.float64) for run in runs])
    wanted = labels if runs[0].task.loss == "mse" else np.eye(width)[labels.ravel().astype(np.intp)]
    bias, variance = decompose(outputs, wanted)
    return Parts(
        size=size,
        seeds=len(runs),
        examples=outputs.shape[1],
        error=bias + variance,
        bias_squared=bias,
        variance=variance,
    )


def _mean(parts: list[Parts]) -> Parts:
    return Parts(
        size=parts[0].size,
        seeds=sum(one.seeds for one in parts),
        examples=sum(one.examples for one in parts),
        error=float(np.mean([one.error for one in parts])),
        bias_squared=float(np.mean([one.bias_squared for one in parts])),
        variance=float(np.mean([one.variance for one in parts])),
    )


def _left_out(series: Series, groups: Mapping[tuple[float, int], list[RunSpec]], rows: tuple[Parts, ...]) -> str:
    run = series.curves.runs[series.members[0]]
    if run.task.loss == "hinge":
        return _("With hinge, outputs are no probabilities: there is no squared error to take apart.")
    if not groups:
        return _(
            "No predictions are kept of these runs: those that ship have none; train them anew, with another seed."
        )
    if not rows:
        return _(
            "No two seeds with predictions have one test set, so none can be compared: by default every seed draws its "
            "own; train some with one data_seed, e.g. data_seed=0."
        )
    return "" if len(rows) == len(series.sizes) else _("Sizes without predictions of two seeds are left out.")
