"""The images that are downloaded once: what is kept of them, and the sentence where that fails. No network here."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest

from engine.data import openml
from engine.spec import registry


@pytest.fixture(autouse=True)
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for the part of scikit-learn that downloads, which takes seconds to load; and an empty home."""
    monkeypatch.setenv("SCALESCOPE_HOME", str(tmp_path))
    stands_in = ModuleType("sklearn.datasets")
    monkeypatch.setitem(sys.modules, "sklearn.datasets", stands_in)
    return stands_in


def _bunch(count: int) -> SimpleNamespace:
    """Return images as scikit-learn does, pixels as numbers and classes as text; one is in training and test part."""
    random = np.random.default_rng(0)
    data = random.integers(0, 256, (count, 784))
    data[3] = data[-5]
    return SimpleNamespace(data=data, target=np.array([str(i % 10) for i in range(count)], dtype=object))


def test_a_failed_download_says_what_to_do(
    tmp_path: Path, downloads: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*rest: object, **more: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(downloads, "fetch_openml", fail, raising=False)
    with pytest.raises(
        ValueError, match=r"could not be downloaded from openml\.org.*Connect to the internet"
    ) as caught:
        registry.dataset("mnist").load(0, {})
    assert str(tmp_path / "data" / "mnist_784.npz") in str(caught.value)
    assert not registry.dataset("mnist").on_disk()


def test_images_are_downloaded_once_and_no_test_image_is_trained_on(
    downloads: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openml, "OFFICIAL_TEST", 100)
    asked = []

    def fetch(name: str, **rest: object) -> SimpleNamespace:
        asked.append(name)
        return _bunch(700)

    monkeypatch.setattr(downloads, "fetch_openml", fetch, raising=False)
    load = openml.images_loader("made-up", train=400, validation=50)
    splits = load(1, {})
    assert openml.on_disk("made-up")
    assert [len(split.y) for split in splits] == [400, 50, 100]
    again = load(1, {})
    assert asked == ["made-up"]
    assert all(np.array_equal(a.x, b.x) for a, b in zip(splits, again, strict=True))
    assert not np.array_equal(splits[0].x, load(2, {})[0].x)
    rows = np.concatenate([split.x for split in splits])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert np.array_equal(splits[2].y, np.arange(600, 700) % 10)  # the published test set, in its order
    assert 0 <= splits[0].x.min() < splits[0].x.max() <= 255
    assert registry.dataset("mnist").scaling == "all"
