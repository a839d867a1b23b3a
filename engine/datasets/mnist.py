"""MNIST, handwritten digits of 28×28 pixels, 10 classes, downloaded once from OpenML.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from engine.openml import images_loader, on_disk
from engine.registry import Dataset, Task

TRAIN, VALIDATION = 50_000, 5_000  # of the 60,000 that are not test

NAME = "mnist_784"
TASK = Task(shape=(1, 28, 28), outputs=10, max_size=TRAIN)
DATASET = Dataset(
    title="MNIST (28×28 images, downloaded once)",
    task=lambda options: TASK,
    load=images_loader(NAME, TRAIN, VALIDATION),
    on_disk=lambda: on_disk(NAME),
)
