"""Fashion-MNIST, pieces of clothing of 28×28 pixels, 10 classes, downloaded once from OpenML.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset", arXiv:1708.07747.
"""

from engine.openml import images_loader, on_disk
from engine.registry import Dataset, Task

TRAIN, VALIDATION = 50_000, 5_000  # of the 60,000 that are not test

NAME = "Fashion-MNIST"
TASK = Task(shape=(1, 28, 28), outputs=10, max_size=TRAIN)
DATASET = Dataset(
    title="Fashion-MNIST (28×28 images, downloaded once)",
    task=lambda options: TASK,
    load=images_loader(NAME, TRAIN, VALIDATION),
    on_disk=lambda: on_disk(NAME),
)
