"""The settings of every run, a knob each: those of a model, and how it is regularized, trained and seeded."""

from dataclasses import dataclass

from engine.base.language import _
from engine.spec.knob import knob
from engine.spec.model_settings import ModelSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ModelSettings):
    """Flat and named as in code, tables and links; checked by RunSpec."""

    weight_decay: float = knob(
        0.0,
        _("Weight decay"),
        _("Decoupled (AdamW): each step shrinks every parameter by lr × this share."),
        group="Regularization",
        low=0.0,
        high=100.0,
    )
    l1: float = knob(
        0.0,
        _("L1"),
        _("This times the sum of absolute parameters is added to the loss that is minimised."),
        group="Regularization",
        low=0.0,
        high=10.0,
    )
    l2: float = knob(
        0.0,
        _("L2"),
        _("Half of this times the sum of squared parameters is added to the loss that is minimised."),
        group="Regularization",
        low=0.0,
        high=10.0,
        rare=True,
    )
    dropout: float = knob(
        0.0,
        _("Dropout"),
        _("Share of hidden units switched off at random in each training step."),
        group="Regularization",
        low=0.0,
        high=0.95,
    )
    label_smoothing: float = knob(
        0.0,
        _("Label smoothing"),
        _("Share of each training target that is spread over all classes; losses are shown without it."),
        group="Regularization",
        low=0.0,
        high=0.95,
        rare=True,
    )
    shift: int = knob(
        0,
        _("Shift"),
        _(
            "Each training example moves by a random number of places, at most so many, up or down and left or right, "
            "anew in each step; zeros move in. Images and signals."
        ),
        group="Regularization",
        low=0,
        high=64,
        rare=True,
    )
    rotate: float = knob(
        0.0,
        _("Rotation"),
        _("Each training image turns by a random angle, at most so many degrees either way, anew in each step."),
        group="Regularization",
        low=0.0,
        high=180.0,
        rare=True,
    )
    augment_noise: float = knob(
        0.0,
        _("Noise on inputs"),
        _("Standard deviation of Gaussian noise that is added to every training input, anew in each step."),
        group="Regularization",
        low=0.0,
        high=100.0,
        rare=True,
    )
    mixup: float = knob(
        0.0,
        _("Mixup"),
        _(
            "Each training example and its target are mixed with another of the batch in shares from a beta "
            "distribution with this parameter twice. 0: off."
        ),
        group="Regularization",
        low=0.0,
        high=100.0,
        rare=True,
    )
    optimizer: str = knob(
        "adamw",
        _("Optimizer"),
        _("AdamW (Adam when weight decay is 0) or SGD with momentum."),
        group="Training",
        choices=lambda: ("adamw", "sgd"),
    )
    lr: float = knob(
        0.005, _("Learning rate"), _("The highest of the schedule."), group="Training", low=0.0, above=True, high=100.0
    )
    momentum: float = knob(
        0.9,
        _("Momentum"),
        _("Of SGD; 0 is plain SGD."),
        group="Training",
        low=0.0,
        high=0.999,
        only_if=("optimizer", "sgd"),
    )
    beta1: float = knob(
        0.9,
        _("Beta 1"),
        _("Of Adam: how much of the mean gradient stays in each step."),
        group="Training",
        low=0.0,
        high=0.999,
        only_if=("optimizer", "adamw"),
        rare=True,
    )
    beta2: float = knob(
        0.999,
        _("Beta 2"),
        _("Of Adam: how much of the mean squared gradient stays in each step."),
        group="Training",
        low=0.0,
        high=0.99999,
        only_if=("optimizer", "adamw"),
        rare=True,
    )
    schedule: str = knob(
        "constant",
        _("Schedule"),
        _("The learning rate after the warm-up: constant, half a cosine down, or falling as 1/sqrt(step)."),
        group="Training",
        choices=lambda: ("constant", "cosine", "inverse-sqrt"),
        rare=True,
    )
    final_lr: float = knob(
        0.1,
        _("Final rate"),
        _("Share of the learning rate at which the cosine ends."),
        group="Training",
        low=0.0,
        high=1.0,
        only_if=("schedule", "cosine"),
        rare=True,
    )
    warmup: int = knob(
        0,
        _("Warm-up"),
        _("Steps in which the learning rate rises in a straight line from 0."),
        group="Training",
        low=0,
        high=10**6,
        rare=True,
    )
    clip: float = knob(
        0.0,
        _("Gradient clipping"),
        _("Largest norm of the whole gradient; a longer one is scaled down to it. 0: off."),
        group="Training",
        low=0.0,
        high=10**6,
        rare=True,
    )
    batch_size: int = knob(
        256,
        _("Batch size"),
        _("Examples per step; at or above the training examples it is full-batch."),
        group="Training",
        low=1,
        high=65536,
    )
    steps: int = knob(3000, _("Steps"), _("Optimizer steps."), group="Training", low=1, high=10**6)
    budget: float = knob(
        0.0,
        _("Compute budget"),
        _("Training FLOPs of a run: as many steps as they pay for are taken, whatever steps says. 0: off."),
        group="Training",
        low=0.0,
        high=1e18,
        rare=True,
    )
    keep_weights: str = knob(
        "off",
        _("Keep weights"),
        _("on: the parameters after the last step stay with the result, to be exported."),
        group="Training",
        choices=lambda: ("off", "on"),
        rare=True,
    )
    eval_examples: int = knob(
        0,
        _("Evaluation examples"),
        _(
            "Of each split, the first so many are measured at eval points before the last, which measures all. 0: as "
            "many as keep evaluation near a tenth of the time, at least 400."
        ),
        group="Training",
        low=0,
        high=10**6,
        rare=True,
    )
    seed: int = knob(
        0,
        _("Seed"),
        _("Of initial weights, data order, dropout and augmentation."),
        group="Seeds",
        low=0,
        high=2**31 - 1,
        swept=True,
    )
    data_seed: int = knob(
        -1,
        _("Data seed"),
        _("Of the split, the sample and the wrong labels; -1: as the seed, so every seed draws its own."),
        group="Seeds",
        low=-1,
        high=2**31 - 1,
    )
