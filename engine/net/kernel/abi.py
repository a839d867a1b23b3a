"""Numbers and layouts that Python and the C++ kernel both write down, compared when it is loaded; without torch."""

import ctypes
from collections.abc import Mapping

from engine.data.rng import DROPOUT
from engine.net import numerics
from engine.net.kernel import buffers, program, program_writer, structures

GRADIENT, MOST_ROWS = 4096, 6
"""Numbers of a gradient that are made at a time, or so many rows of weights where these are more."""

LOSSES = ("cross-entropy", "mse", "hinge")
"""The losses, in the order of their numbers in C++."""

MEASURED, COUNTED = 4, 2
"""Numbers of a model that `measure` writes: loss, error, flipped error, Brier score; and of a class: hits, answers."""

REALS = {"float": 4, "double": 8}
"""Bytes of the numbers that a kernel works with."""

STRIDES = (1, 16, 17, 127, 128, 129, 144, 145, 1000)
"""Lengths at which both languages work out how far apart rows lie."""

_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64
CALLS = {
    "train": (_POINTER, _POINTER, _POINTER, _INTEGER, _INTEGER, _POINTER, _INTEGER, _INTEGER),
    "logits": (_POINTER, _POINTER, _POINTER, _POINTER),
    "measure": (_POINTER, _POINTER, _POINTER, _POINTER, _POINTER),
    "draw": (_POINTER, _INTEGER, _INTEGER, _INTEGER, _POINTER),
}
"""The functions that Python calls, with the types of their arguments; none returns anything."""


def connect(library: ctypes.CDLL, real: str) -> None:
    """Hold a compiled kernel for "float" or "double" against Python, and declare its calls.

    Raises: RuntimeError: where a number, a layout or a call is another one in C++: what follows would write out of
    bounds.
    """
    library.abi.restype = ctypes.c_char_p
    lines = library.abi().decode().splitlines()
    found = {name: value for name, _, value in (line.partition(" = ") for line in lines)}
    if differing := _differences(expected(real), found):
        more = f" ({len(differing) - 1} more)" if len(differing) > 1 else ""
        raise RuntimeError(
            f"The compiled kernel and Python disagree: {differing[0]}{more}; allowed: the same in both. "
            "Make the C++ sources and the Python beside them equal, then start again."
        )
    for name, arguments in CALLS.items():
        call = getattr(library, name)
        call.argtypes, call.restype = arguments, None


def expected(real: str) -> dict[str, str]:
    """Return what Python takes for granted of a kernel, as text by name; C++ writes the same in abi.h."""
    numbers: dict[str, float] = {
        "real": REALS[real],
        "PAD": buffers.PAD,
        "BLOCK": program_writer.BLOCK,
        "GRADIENT": GRADIENT,
        "MOST_ROWS": MOST_ROWS,
        "STRETCH": program.STRETCH,
        "MOST_EDGE": program.MOST_EDGE,
        "NEAR_PARTS": program.NEAR_PARTS,
        "GRU_GATES": program.GRU_GATES,
        "GRU_PARTS": program.GRU_PARTS,
        "LSTM_GATES": program.LSTM_GATES,
        "LSTM_PARTS": program.LSTM_PARTS,
        "NORM_PARTS": program.NORM_PARTS,
        "SKIPS_FORWARD": buffers.SKIPS_FORWARD,
        "SKIPS_BACKWARD": buffers.SKIPS_BACKWARD,
        "MEASURED": MEASURED,
        "COUNTED": COUNTED,
        "DROPOUT": DROPOUT,
        "ADAM_EPS": numerics.ADAM_EPS,
        "CLIP_EPS": numerics.CLIP_EPS,
        "NORM_EPS": numerics.NORM_EPS,
        "NORM_MOMENTUM": numerics.NORM_MOMENTUM,
    }
    numbers |= {f"stride_of({length})": buffers.stride_of(length) for length in STRIDES}
    numbers |= {f"kind {kind}": place for place, kind in enumerate(program.KINDS)}
    numbers |= {f"loss {loss}": place for place, loss in enumerate(LOSSES)}
    numbers |= {f"sizeof {each.__name__}": ctypes.sizeof(each) for each in structures.STRUCTURES}
    fields = {
        f"{each.__name__}.{name}": f"{getattr(each, name).offset}: {ctypes.sizeof(type_)} bytes, {_family(type_)}"
        for each in structures.STRUCTURES
        for name, type_, *_ in each._fields_
    }
    calls = {f"{name}()": " ".join(map(_family, arguments)) for name, arguments in CALLS.items()}
    return {name: f"{number:.17g}" for name, number in numbers.items()} | fields | calls


def _family(type_: type) -> str:
    """Return what C++ calls a type in abi.h."""
    if issubclass(type_, ctypes.Structure):
        return "structure"
    if issubclass(type_, ctypes.Array):
        return "array"
    if type_ in (ctypes.c_uint32, ctypes.c_uint64):
        return "unsigned"
    return "pointer" if type_ is ctypes.c_void_p else "real" if type_ is ctypes.c_double else "integer"


def _differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Return a clause for each name whose value is not the same here and there."""
    return [
        f"{name} is {here.get(name, 'unknown')} in Python and {there.get(name, 'unknown')} in C++"
        for name in dict.fromkeys((*here, *there))
        if here.get(name) != there.get(name)
    ]
