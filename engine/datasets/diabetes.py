"""Diabetes, 10 measurements of a patient, regression of the disease's progress, shipped with scikit-learn.

Source: B. Efron et al., "Least angle regression", Annals of Statistics 32, 2004.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.sklearn_tables import shipped
from engine.data.splits import cut, sampling, standardised
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION = 300, 42  # of 442; the other 100 test


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test; the target standardised by the pool."""
    rows = np.column_stack([shipped("diabetes_data_raw.csv.gz", delimiter=None), shipped("diabetes_target.csv.gz")])
    order = sampling(data_seed).permutation(len(rows))
    y = standardised(rows, order[:TRAIN])[:, -1:]
    return cut(rows[order, :-1], y[order], TRAIN, VALIDATION)


TASK = Task(shape=(10,), outputs=1, max_size=TRAIN, loss="mse")
DATASET = Dataset(
    title=_("Diabetes (regression on 10 measurements)"), task=lambda options: TASK, load=load, scaling="each"
)
