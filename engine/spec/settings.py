"""The settings of every run, a knob each: what an architecture or a data set needs alone, it declares itself."""

from dataclasses import dataclass

from engine.spec import registry
from engine.spec.knob import knob


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
    folds: int = knob(
        0,
        "Folds",
        "Cross-validation: the examples are cut into so many equal parts; one validates, the others train. 0: off.",
        group="Data",
        low=0,
        high=100,
        rare=True,
    )
    fold: int = knob(
        0, "Fold", "The part that validates; sweep over all of them.", group="Data", low=0, high=99, rare=True
    )
    standardize: str = knob(
        "default",
        "Standardization",
        "Of inputs, by the training pool: each feature by itself, all numbers alike, or off; default: as the data set "
        "is usually seen.",
        group="Data",
        choices=lambda: ("default", "off", "each", "all"),
        rare=True,
    )
    arch: str = knob(
        "mlp", "Architecture", "The family of models.", group="Architecture", choices=lambda: registry.names("archs")
    )
    width: int = knob(16, "Width", "Units in each hidden layer.", group="Architecture", low=1, high=2048, swept=True)
    depth: int = knob(
        1,
        "Depth",
        "Hidden layers; the output layer is not counted. 0: the output layer alone, a linear model.",
        group="Architecture",
        low=0,
        high=12,
    )
    init: str = knob(
        "default",
        "Initial weights",
        "default: PyTorch's. he, xavier and normal draw weights anew and begin with biases at 0.",
        group="Architecture",
        choices=lambda: ("default", "he", "xavier", "normal"),
        rare=True,
    )
    init_std: float = knob(
        0.02,
        "Initial spread",
        "Standard deviation of normal initial weights.",
        group="Architecture",
        low=0.0,
        high=10.0,
        only_if=("init", "normal"),
        rare=True,
    )
    width_rule: str = knob(
        "standard",
        "Width rule",
        "How initial weights and learning rates follow the width. mup: so that one learning rate suits every width.",
        group="Architecture",
        choices=lambda: ("standard", "mup"),
        rare=True,
    )
    base_width: int = knob(
        16,
        "Base width",
        "Width at which mup begins and learns as the standard does.",
        group="Architecture",
        low=1,
        high=2048,
        only_if=("width_rule", "mup"),
        rare=True,
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
    l2: float = knob(
        0.0,
        "L2",
        "Half of this times the sum of squared parameters is added to the loss that is minimised.",
        group="Regularization",
        low=0.0,
        high=10.0,
        rare=True,
    )
    dropout: float = knob(
        0.0,
        "Dropout",
        "Share of hidden units switched off at random in each training step.",
        group="Regularization",
        low=0.0,
        high=0.95,
    )
    label_smoothing: float = knob(
        0.0,
        "Label smoothing",
        "Share of each training target that is spread over all classes; losses are shown without it.",
        group="Regularization",
        low=0.0,
        high=0.95,
        rare=True,
    )
    shift: int = knob(
        0,
        "Shift",
        "Each training example moves by a random number of places, at most so many, up or down and left or right, "
        "anew in each step; zeros move in. Images and signals.",
        group="Regularization",
        low=0,
        high=64,
        rare=True,
    )
    rotate: float = knob(
        0.0,
        "Rotation",
        "Each training image turns by a random angle, at most so many degrees either way, anew in each step.",
        group="Regularization",
        low=0.0,
        high=180.0,
        rare=True,
    )
    augment_noise: float = knob(
        0.0,
        "Noise on inputs",
        "Standard deviation of Gaussian noise that is added to every training input, anew in each step.",
        group="Regularization",
        low=0.0,
        high=100.0,
        rare=True,
    )
    mixup: float = knob(
        0.0,
        "Mixup",
        "Each training example and its target are mixed with another of the batch in shares from a beta distribution "
        "with this parameter twice. 0: off.",
        group="Regularization",
        low=0.0,
        high=100.0,
        rare=True,
    )
    optimizer: str = knob(
        "adamw",
        "Optimizer",
        "AdamW (Adam when weight decay is 0) or SGD with momentum.",
        group="Training",
        choices=lambda: ("adamw", "sgd"),
    )
    lr: float = knob(
        0.005, "Learning rate", "The highest of the schedule.", group="Training", low=0.0, above=True, high=100.0
    )
    momentum: float = knob(
        0.9, "Momentum", "Of SGD; 0 is plain SGD.", group="Training", low=0.0, high=0.999, only_if=("optimizer", "sgd")
    )
    beta1: float = knob(
        0.9,
        "Beta 1",
        "Of Adam: how much of the mean gradient stays in each step.",
        group="Training",
        low=0.0,
        high=0.999,
        only_if=("optimizer", "adamw"),
        rare=True,
    )
    beta2: float = knob(
        0.999,
        "Beta 2",
        "Of Adam: how much of the mean squared gradient stays in each step.",
        group="Training",
        low=0.0,
        high=0.99999,
        only_if=("optimizer", "adamw"),
        rare=True,
    )
    schedule: str = knob(
        "constant",
        "Schedule",
        "The learning rate after the warm-up: constant, half a cosine down, or falling as 1/sqrt(step).",
        group="Training",
        choices=lambda: ("constant", "cosine", "inverse-sqrt"),
        rare=True,
    )
    final_lr: float = knob(
        0.1,
        "Final rate",
        "Share of the learning rate at which the cosine ends.",
        group="Training",
        low=0.0,
        high=1.0,
        only_if=("schedule", "cosine"),
        rare=True,
    )
    warmup: int = knob(
        0,
        "Warm-up",
        "Steps in which the learning rate rises in a straight line from 0.",
        group="Training",
        low=0,
        high=10**6,
        rare=True,
    )
    clip: float = knob(
        0.0,
        "Gradient clipping",
        "Largest norm of the whole gradient; a longer one is scaled down to it. 0: off.",
        group="Training",
        low=0.0,
        high=10**6,
        rare=True,
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
    budget: float = knob(
        0.0,
        "Compute budget",
        "Training FLOPs of a run: as many steps as they pay for are taken, whatever steps says. 0: off.",
        group="Training",
        low=0.0,
        high=1e18,
        rare=True,
    )
    keep_weights: str = knob(
        "off",
        "Keep weights",
        "on: the parameters after the last step stay with the result, to be exported.",
        group="Training",
        choices=lambda: ("off", "on"),
        rare=True,
    )
    eval_examples: int = knob(
        0,
        "Evaluation examples",
        "Of each split, the first so many are measured at eval points before the last, which measures all. 0: as many "
        "as keep evaluation near a tenth of the time, at least 400.",
        group="Training",
        low=0,
        high=10**6,
        rare=True,
    )
    seed: int = knob(
        0,
        "Seed",
        "Of initial weights, data order, dropout and augmentation.",
        group="Seeds",
        low=0,
        high=2**31 - 1,
        swept=True,
    )
    data_seed: int = knob(
        -1,
        "Data seed",
        "Of the split, the sample and the wrong labels; -1: as the seed, so every seed draws its own.",
        group="Seeds",
        low=-1,
        high=2**31 - 1,
    )
