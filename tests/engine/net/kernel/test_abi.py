"""What Python and C++ both write down: a kernel that disagrees with Python in any of it is refused at loading."""

import ctypes
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.net import numerics
from engine.net.kernel import abi, buffers, build, program, program_writer, structures

needs_compiler = pytest.mark.skipif(build.compiler() is None, reason="no C++ compiler here, or it is off")
LONG = pytest.mark.long
"""Each of these costs a compilation; daily one does, and Python's side is changed in every line and every structure."""


@pytest.fixture
def kernel() -> ctypes.CDLL:
    """Return the compiled kernel, not yet held against Python."""
    found = build.compiler()
    assert found
    return ctypes.CDLL(str(build._built(found, "float")))


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Forget what was loaded, before and after."""
    build.library.cache_clear()
    yield
    build.library.cache_clear()


@needs_compiler
@pytest.mark.parametrize("real", abi.REALS)
def test_the_kernel_and_python_agree(real: str) -> None:
    assert build.library(real) is not None


@needs_compiler
@pytest.mark.parametrize(
    ("module", "name", "value", "said"),
    [
        (buffers, "PAD", 8, "PAD is 8 in Python and 16 in C"),
        (program_writer, "BLOCK", 128, "BLOCK is 128 in Python and 64 in C"),
        (abi, "GRADIENT", 2048, "GRADIENT is 2048 in Python and 4096 in C"),
        (abi, "MOST_ROWS", 4, "MOST_ROWS is 4"),
        (program, "STRETCH", 256, "STRETCH is 256"),
        (program, "MOST_EDGE", 3, "MOST_EDGE is 3"),
        (program, "NEAR_PARTS", 5, "NEAR_PARTS is 5"),
        (program, "LSTM_PARTS", 5, "LSTM_PARTS is 5"),
        (buffers, "SKIPS_BACKWARD", 4, "SKIPS_BACKWARD is 4"),
        (numerics, "ADAM_EPS", 1e-7, "ADAM_EPS is "),
        (abi, "LOSSES", ("cross-entropy", "hinge", "mse"), "loss hinge is 1 in Python and 2 in C"),
        (abi, "LOSSES", (*abi.LOSSES, "huber"), "loss huber is 3 in Python and unknown in C"),
        (program, "KINDS", (*program.KINDS[1:], program.KINDS[0]), "kind relu is 0 in Python and 1 in C"),
        (program, "KINDS", program.KINDS[:-1], "kind layer_norm is unknown in Python and 21 in C"),
        (buffers, "stride_of", buffers.filled, r"stride_of\(128\) is 128 in Python and 144 in C"),
        (abi, "CALLS", {**abi.CALLS, "draw": abi.CALLS["draw"][:-1]}, r"draw\(\) is "),
    ],
)
def test_a_number_that_differs_is_refused(
    kernel: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch, module: object, name: str, value: object, said: str
) -> None:
    monkeypatch.setattr(module, name, value)
    with pytest.raises(RuntimeError, match=rf"The compiled kernel and Python disagree: {said}.*; allowed: the same in"):
        abi.connect(kernel, "float")


def _swapped(fields: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return [fields[1], fields[0], *fields[2:]]


def _without_last(fields: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return fields[:-1]


def _of_another_type(fields: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return [(fields[0][0], ctypes.c_double), *fields[1:]]


def _without_signs(fields: list[tuple[str, object]]) -> list[tuple[str, object]]:
    return [(name, ctypes.c_uint64 if type_ is ctypes.c_int64 else type_) for name, type_, *_ in fields]


@needs_compiler
@pytest.mark.parametrize("change", [_swapped, _without_last, _of_another_type, _without_signs])
@pytest.mark.parametrize("structure", structures.STRUCTURES, ids=lambda structure: structure.__name__)
def test_a_structure_of_another_layout_is_refused(
    kernel: ctypes.CDLL,
    monkeypatch: pytest.MonkeyPatch,
    structure: type[ctypes.Structure],
    change: Callable[[list[tuple[str, object]]], list[tuple[str, object]]],
) -> None:
    other = type(structure.__name__, (ctypes.Structure,), {"_fields_": change(list(structure._fields_))})  # type: ignore[arg-type]
    monkeypatch.setattr(structures, "STRUCTURES", [other if s is structure else s for s in structures.STRUCTURES])
    with pytest.raises(RuntimeError, match=rf"disagree: (sizeof )?{structure.__name__}\b"):
        abi.connect(kernel, "float")


@needs_compiler
def test_every_line_is_compared(kernel: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    here = abi.expected("float")
    for name in here:
        monkeypatch.setattr(abi, "expected", lambda real, name=name: {**here, name: "something else"})
        with pytest.raises(RuntimeError) as refused:
            abi.connect(kernel, "float")
        assert f"disagree: {name} is something else in Python and {here[name]} in C++; allowed" in str(refused.value)


@needs_compiler
def test_a_kernel_for_numbers_of_another_length_is_refused(kernel: ctypes.CDLL) -> None:
    with pytest.raises(RuntimeError, match=r"disagree: real is 8 in Python and 4 in C\+\+"):
        abi.connect(kernel, "double")


@needs_compiler
@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        pytest.param("tape.h", "BLOCK = 64;", "BLOCK = 128;", "BLOCK is 64 in Python and 128 in C", marks=LONG),
        pytest.param("tape.h", "int64_t details[5];", "int64_t details[6];", "sizeof Operation is ", marks=LONG),
        (
            "tape.h",
            "places, stride;",
            "places; int32_t stride, gap;",
            "Value.stride is 16: 8 bytes, integer in Python and",
        ),
        pytest.param(
            "kernel.cpp", '{"gru", gru_', '{"gated", gru_', "kind gru is 17 in Python and unknown in C", marks=LONG
        ),
    ],
)
def test_sources_that_python_does_not_know_are_compiled_and_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, before: str, after: str, said: str
) -> None:
    for source in build.SOURCES:
        shutil.copy(source, tmp_path)
    text = (tmp_path / file).read_text()
    assert text.count(before) == 1
    (tmp_path / file).write_text(text.replace(before, after))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "SOURCE", tmp_path / "kernel.cpp")
    monkeypatch.setattr(build, "SOURCES", tuple(tmp_path / source.name for source in build.SOURCES))
    monkeypatch.setattr(build, "FLAGS", ["-O0" if flag == "-O3" else flag for flag in build.FLAGS])
    with pytest.raises(RuntimeError, match=said):
        build.library("float")


@needs_compiler
def test_a_call_with_an_argument_too_few_is_refused() -> None:
    library = build.library("float")
    assert library is not None
    with pytest.raises(TypeError, match="at least 5 arguments"):
        library.draw(None, 0, 0, 0)


def test_an_operation_has_no_more_details_than_there_is_room_for() -> None:
    with pytest.raises(RuntimeError, match="invalid index"):
        structures.Operation(details=(0,) * (structures.DETAILS + 1))


def test_lists_of_kinds_name_kinds_that_there_are() -> None:
    for kinds in (buffers.IN_PLACE, buffers.READS_RESULT, buffers.CLAMPS, buffers.GATES):
        assert set(kinds) <= set(program.KINDS)
