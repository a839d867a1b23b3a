"""Stores in homes of their own, without the gallery: what several tests begin with is made once and copied."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from store.db.connection import Database
from store.home import open_database


def fresh(home: Path, fill: Callable[[Database], object] | None = None) -> Database:
    """Return a store in `home`, an empty one or what `fill` makes of an empty one; both are made once per process.

    `fill` may leave other files in the home too. It must not leave a worker, which would be dead in every copy.
    """
    home.mkdir(parents=True, exist_ok=True)
    for path, content in _made(fill).items():
        if content is None:
            (home / path).mkdir(exist_ok=True)
        else:
            (home / path).write_bytes(content)
    return Database(home)


@cache
def _made(fill: Callable[[Database], object] | None) -> dict[Path, bytes | None]:
    """Return each folder and file of a home by its path; of a folder there is no content."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALESCOPE_GALLERY", folder)
        home = Path(folder) / "home"
        if fill is None:
            open_database(home)
        else:
            fill(fresh(home))
        found = sorted(home.rglob("*"))
        return {path.relative_to(home): None if path.is_dir() else path.read_bytes() for path in found}
