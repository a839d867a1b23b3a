"""Tapes: what the kernel does not know is left to another reader, and a mistake in an architecture is an error."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from engine.net.batched import Batched
from engine.net.kernel.buffers import Value
from engine.net.kernel.kernel import Kernel
from engine.net.kernel.program import TapeNet
from engine.spec.run import RunSpec
from engine.train.loop import reader_of


def test_an_operation_that_the_kernel_does_not_know_is_left_to_others(
    arch_of: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunSpec.of({"arch": arch_of(lambda net, x: net.linear("out", net.ravel(net.steps(x)), net.outputs))})
    monkeypatch.delattr(TapeNet, "ravel")
    assert not Kernel.supports(run, torch.float32)
    assert reader_of(run, "cpu") is Batched


@pytest.mark.parametrize(
    ("forward", "mistake", "said"),
    [
        (lambda net, x: net.pooling(x), AttributeError, r"net\.pooling is not an operation of an architec"),
        (lambda net, x: net._lines, AttributeError, "net._lines is not an operation"),
        (lambda net, x: net.convolution("c", net.grid(x), 3, kernal=1), TypeError, "kernal"),
        (lambda net, x: net.convolution("c", net.grid(x), 3, kernel=5), ValueError, "kernel=5 is not possible"),
        (lambda net, x: net._write("liner", net.flat(x)), ValueError, "not in tuple"),
    ],
)
def test_a_typo_in_an_architecture_is_an_error(
    arch_of: Callable[[Any], str], forward: Callable[[TapeNet, Value], Value], mistake: type[Exception], said: str
) -> None:
    run = RunSpec.of({"arch": arch_of(forward)})
    for ask in (lambda: reader_of(run, "cpu"), lambda: Kernel.supports(run, torch.float32)):
        with pytest.raises(mistake, match=said):
            ask()


def test_an_activation_that_no_reader_knows_is_an_error() -> None:
    net = TapeNet(spec=RunSpec(), outputs=2, training=True)
    object.__setattr__(net.spec, "options", (("activation", "linear"),))
    with pytest.raises(ValueError, match="activation=linear is not possible; allowed: relu, "):
        net.activation(net.flat(Value(units=64)))
