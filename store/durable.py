"""Writes a file that is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole(path: Path, *, durable: bool) -> Iterator[BinaryIO]:
    """Lend a draft that becomes `path` on leaving, and vanishes on an error; `durable`: it outlives a power cut."""
    draft = path.with_name(path.name + ".tmp")
    try:
        with draft.open("wb") as opened:
            yield opened
            opened.flush()
            if durable:
                os.fsync(opened.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def put_in_place(draft: Path, path: Path) -> None:
    """Make `draft` outlive a power cut, then make it `path` in one step."""
    with draft.open("rb") as opened:
        os.fsync(opened.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
