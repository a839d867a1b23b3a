"""Iris, 4 measurements of a flower, 3 species, shipped with scikit-learn.

One flower stands in the file twice; the repeat is left out.

Source: R. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics, 1936.
"""

from engine.base.language import _
from engine.data.sklearn_tables import loader
from engine.spec.task import Dataset, Task

TRAIN, VALIDATION = 80, 19  # of 149 that differ; the other 50 test

TASK = Task(shape=(4,), outputs=3, max_size=TRAIN)
DATASET = Dataset(
    title=_("Iris (4 measurements)"),
    task=lambda options: TASK,
    load=loader("iris.csv", TRAIN, VALIDATION),
    scaling="each",
)
