"""Breast cancer, 30 measurements of cell nuclei, malignant or benign, shipped with scikit-learn.

Source: W. Wolberg, O. Mangasarian, W. Street, "Breast Cancer Wisconsin (Diagnostic)", UCI, 1995.
"""

from engine.base.language import _
from engine.data.sklearn_tables import loader
from engine.spec.task import Dataset, Task

TRAIN, VALIDATION = 350, 69  # of 569; the other 150 test

TASK = Task(shape=(30,), outputs=2, max_size=TRAIN)
DATASET = Dataset(
    title=_("Breast cancer (30 measurements)"),
    task=lambda options: TASK,
    load=loader("breast_cancer.csv", TRAIN, VALIDATION),
    scaling="each",
)
