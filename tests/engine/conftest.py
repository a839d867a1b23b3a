"""Engine tests run as a worker does: one torch thread."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import torch

from engine.spec import net, registry
from tests.engine import shapes

_NUMBERS = count()


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def datasets_of_any_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the data sets of tests/engine/shapes.py beside those that ship."""
    names, dataset = registry.names, registry.dataset
    more = tuple(shapes.SHAPES)
    monkeypatch.setattr(registry, "names", lambda kind: names(kind) + (more if kind == "datasets" else ()))
    monkeypatch.setattr(registry, "dataset", lambda name: shapes.dataset(name) if name in more else dataset(name))


@pytest.fixture
def arch_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], str]:
    """Lend a function that makes an architecture with an MLP's knobs of a forward function, and returns its name.

    No other architecture of this process ever has the name: counts and tapes are cached by it.
    """

    def put(forward: Any) -> str:
        name, names, arch = f"made-{next(_NUMBERS)}", registry.names, registry.arch
        made = net.Arch(title=name, forward=forward, knobs=arch("mlp").knobs)
        monkeypatch.setattr(registry, "names", lambda kind: names(kind) + ((name,) if kind == "archs" else ()))
        monkeypatch.setattr(registry, "arch", lambda asked: made if asked == name else arch(asked))
        return name

    return put
