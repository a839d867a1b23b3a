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


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Lend a draft of a file that a person named, as `whole` does.

    Raises: ValueError: where it exists, or cannot be written, in a sentence with a next step.
    """
    if path.exists() or path.is_symlink():
        raise ValueError(f"{path} exists already: name another file, or move it aside.")
    try:
        with whole(path, durable=True) as opened:
            yield opened
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror or error}): name a file elsewhere.") from error


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
