"""What Python hands to the C++ kernel, field by field as tape.h, losses.h and order.h declare it; without torch."""

import ctypes

RATES = ("weight_decay", "l1", "l2", "clip", "label_smoothing", "momentum", "beta1", "beta2", "dropout")
"""Settings of a run that the kernel reads, in the order of tape.h."""

DETAILS, PARAMETERS = 5, 4
"""Numbers of an operation that its kind alone understands, and its parameters at most."""

PHILOX_NUMBERS = 8
"""Random numbers drawn at a time."""


def _integers(*names: str) -> tuple[tuple[str, type[ctypes.c_int64]], ...]:
    return tuple((name, ctypes.c_int64) for name in names)


def _pointers(*names: str) -> tuple[tuple[str, type[ctypes.c_void_p]], ...]:
    return tuple((name, ctypes.c_void_p) for name in names)


class Value(ctypes.Structure):
    """One value of a tape: its size, and where it and its gradient lie in the workspace."""

    _fields_ = [*_integers("units", "places", "stride", "at", "grad")]


class Parameter(ctypes.Structure):
    """Where a parameter begins among a model's numbers, and how far apart its rows are."""

    _fields_ = [*_integers("at", "stride")]


class Operation(ctypes.Structure):
    """One operation of a tape."""

    _fields_ = [
        *_integers("kind", "input", "other", "output", "input_adds", "other_adds", "positive", "gated"),
        *_integers("skipped", "kept"),
        ("details", ctypes.c_int64 * DETAILS),
        ("parameters", Parameter * PARAMETERS),
    ]


class Tape(ctypes.Structure):
    """All operations and values of a model in training or in evaluation."""

    _fields_ = [*_pointers("operations"), *_integers("count"), *_pointers("values"), *_integers("input_stride")]


class Model(ctypes.Structure):
    """One model of a bucket."""

    _fields_ = [
        *_pointers("numbers", "mean", "square", "running", "x", "y", "squares"),
        *((name, ctypes.c_double) for name in RATES),
        *_integers("seed"),
        ("training", Tape),
        ("evaluation", Tape),
    ]


class Bucket(ctypes.Structure):
    """What the models of a bucket share."""

    _fields_ = [
        *_integers("models", "batch", "inputs", "outputs", "labels", "loss", "adamw", "numbers"),
        *_pointers("space", "scratch", "input", "turned", "answers", "gradient", "whole"),
    ]


class Split(ctypes.Structure):
    """One split of the examples as evaluation reads it."""

    _fields_ = [*_pointers("blocks", "y", "moved"), *_integers("count")]


class Philox(ctypes.Structure):
    """A stream of random numbers."""

    _fields_ = [
        ("key", ctypes.c_uint64 * 2),
        ("counter", ctypes.c_uint64),
        ("numbers", ctypes.c_uint32 * PHILOX_NUMBERS),
        *_integers("used"),
    ]


class Order(ctypes.Structure):
    """The batch order of one run."""

    _anonymous_ = ("random",)
    _fields_ = [("random", Philox), *_pointers("epoch"), *_integers("size", "taken", "began")]


STRUCTURES = (Value, Parameter, Operation, Tape, Model, Bucket, Split, Philox, Order)
