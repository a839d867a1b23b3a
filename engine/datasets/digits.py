"""Handwritten digits, 8×8 pixels, 10 classes, shipped with scikit-learn."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.base.language import _
from engine.data.sklearn_tables import shipped
from engine.data.splits import cut, sampling
from engine.spec.task import Dataset, Split, Task

TRAIN, VALIDATION = 1000, 200  # of 1797; the other 597 test


def load(data_seed: int, options: Mapping[str, Any]) -> tuple[Split, Split, Split]:
    """Return training pool, validation and test; pixels from 0 to 16.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
    """
    rows = shipped("digits.csv.gz")
    order = sampling(data_seed).permutation(len(rows))
    return cut(rows[order, :-1], rows[order, -1].astype(np.int64), TRAIN, VALIDATION)


TASK = Task(shape=(1, 8, 8), outputs=10, max_size=TRAIN)
DATASET = Dataset(title=_("Digits (8×8 images)"), task=lambda options: TASK, load=load, scaling="all")
