"""The table of the MNIST-1D paper, its GRU: a memory carries along what has been seen of a shape."""

from engine.registry import Preset

PRESET = Preset(
    title="GRUs on MNIST-1D",
    finding="",
    source="Greydanus & Kobak, arXiv:2011.14439, table 1: a GRU of six units in either direction 91 %.",
    settings={
        "dataset": "mnist1d",
        "arch": "gru",
        "width": (4, 6, 8, 12, 24),
        "depth": 1,
        "readout": "flat",
        "dataset_size": 4000,
        "optimizer": "adamw",
        "lr": 0.01,
        "batch_size": 100,
        "steps": 6000,
        "seed": tuple(range(5)),
    },
)
