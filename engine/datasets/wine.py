"""Wine, 13 chemical measurements, 3 cultivars, shipped with scikit-learn.

Source: S. Aeberhard, M. Forina, "Wine", UCI, 1992.
"""

from engine.base.language import _
from engine.data.sklearn_tables import loader
from engine.spec.task import Dataset, Task

TRAIN, VALIDATION = 100, 28  # of 178; the other 50 test

TASK = Task(shape=(13,), outputs=3, max_size=TRAIN)
DATASET = Dataset(
    title=_("Wine (13 measurements)"),
    task=lambda options: TASK,
    load=loader("wine_data.csv", TRAIN, VALIDATION),
    scaling="each",
)
