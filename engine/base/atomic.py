"""Writes files atomically: a file is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from engine.base.language import _


@contextmanager
def whole(path: Path, *, durable: bool) -> Iterator[BinaryIO]:
    """Lend a draft that becomes `path` at the end, or is deleted on an error; `durable`: it survives a power cut."""
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

    Raises: ValueError: where the file exists or cannot be written, in a sentence with a next step.
    """
    if path.exists() or path.is_symlink():
        raise ValueError(_("{path} exists already: name another file, or move it aside.", path=path))
    try:
        with whole(path, durable=True) as opened:
            yield opened
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(
            _("{path} cannot be written ({reason}): name a file elsewhere.", path=path, reason=reason)
        ) from error


def put_in_place(draft: Path, path: Path) -> None:
    """Make `draft` survive a power cut, then rename it to `path`."""
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
