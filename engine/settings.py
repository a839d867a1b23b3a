"""The settings of every run, a knob each: what an architecture or a data set needs alone, it declares itself."""

from dataclasses import dataclass

from engine import registry
from engine.knob import knob


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Flat and named as in code, tables and links; checked by RunSpec."""

    dataset: str = knob(
        "digits", "Data set", "What the models learn.", group="Data", choices=lambda: registry.names("datasets")
    )
    dataset_size: int = knob(
        1000, "Examples", "Unique training examples drawn from the data set.", group="Data", low=1, high=10**6
    )
    label_noise: float = knob(
        0.0,
        "Label noise",
        "Share of training labels that are wrong (rounded to whole labels), or of training targets that are another "
        "example's; validation and test stay clean.",
        group="Data",
        low=0.0,
        high=1.0,
    )
    arch: str = knob(
        "mlp", "Architecture", "The family of models.", group="Architecture", choices=lambda: registry.names("archs")
    )
    width: int = knob(16, "Width", "Units in each hidden layer.", group="Architecture", low=1, high=2048, swept=True)
    depth: int = knob(
        1, "Depth", "Hidden layers; the output layer is not counted.", group="Architecture", low=1, high=12
    )
    weight_decay: float = knob(
        0.0,
        "Weight decay",
        "Decoupled (AdamW): each step shrinks every parameter by lr × this share.",
        group="Regularization",
        low=0.0,
        high=100.0,
    )
    l1: float = knob(
        0.0,
        "L1",
        "This times the sum of absolute parameters is added to the loss that is minimised.",
        group="Regularization",
        low=0.0,
        high=10.0,
    )
    dropout: float = knob(
        0.0,
        "Dropout",
        "Share of hidden units switched off at random in each training step.",
        group="Regularization",
        low=0.0,
        high=0.95,
    )
    optimizer: str = knob(
        "adamw",
        "Optimizer",
        "AdamW (Adam when weight decay is 0) or SGD with momentum.",
        group="Training",
        choices=lambda: ("adamw", "sgd"),
    )
    lr: float = knob(
        0.005, "Learning rate", "Constant over the run.", group="Training", low=0.0, above=True, high=100.0
    )
    momentum: float = knob(
        0.9, "Momentum", "Of SGD; 0 is plain SGD.", group="Training", low=0.0, high=0.999, only_if=("optimizer", "sgd")
    )
    batch_size: int = knob(
        256,
        "Batch size",
        "Examples per step; at or above the training examples it is full-batch.",
        group="Training",
        low=1,
        high=65536,
    )
    steps: int = knob(3000, "Steps", "Optimizer steps.", group="Training", low=1, high=10**6)
    seed: int = knob(
        0, "Seed", "Of initial weights, data order and dropout.", group="Seeds", low=0, high=2**31 - 1, swept=True
    )
    data_seed: int = knob(
        -1,
        "Data seed",
        "Of the split, the sample and the wrong labels; -1: as the seed, so every seed draws its own.",
        group="Seeds",
        low=-1,
        high=2**31 - 1,
    )
