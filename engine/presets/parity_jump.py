"""A sudden jump with size: networks of a few more units suddenly find the four bits of thirty that matter."""

from engine.base.language import _
from engine.spec.registry import Preset

PRESET = Preset(
    title=_("Sparse parity, all or nothing"),
    finding=_(
        "In 2,000 steps no network of up to 4 units finds the four bits, of those with 8 units five in ten do, of "
        "those with 16 eight, from 32 on all. Hinge loss jumps with the error: it is not the metric."
    ),
    source=_("Barak et al. 2022, arXiv:2207.08799; here 3.2 epochs of 20,000 examples stand for fresh ones."),
    settings={
        "dataset": "parity",
        "bits": 30,
        "relevant_bits": 4,
        "loss": "hinge",
        "arch": "mlp",
        "width": (1, 2, 4, 8, 16, 32, 64, 128, 256),
        "depth": 1,
        "dataset_size": 20_000,
        "optimizer": "sgd",
        "momentum": 0.0,
        "lr": 0.3,
        "batch_size": 32,
        "steps": 2000,
        "seed": tuple(range(10)),
    },
)
