"""Engine tests run as a worker does: one torch thread."""

import pytest
import torch

from engine.spec import registry
from tests.engine import shapes


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
