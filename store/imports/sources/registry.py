"""Finds the kinds of sources and reads a path as one of them: a kind is a file of this folder with a SOURCE."""

import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path

from engine.base.language import _
from store.imports import sources
from store.imports.sources.source import Raw, Source, begins

MAX_BYTES = 256 * 2**20
"""Largest file that is read."""
_KNOWN = (
    (rb"PK\x03\x04", _("{path} is a spreadsheet or an archive: save it as CSV, or unpack it.")),
    (rb"\x1f\x8b|\x28\xb5\x2f\xfd|BZh|\xfd7zXZ", _("{path} is compressed: unpack it first.")),
    (rb"\x80[\x02-\x05]", _("{path} is a Python pickle, which is not read: write it as CSV or Parquet.")),
)
"""What a file is that begins so, in a sentence."""


@cache
def _sources() -> dict[str, Source]:
    """Return each source by its kind, which is the name of its file."""
    names = sorted(found.name for found in pkgutil.iter_modules(sources.__path__))
    modules = {name: importlib.import_module(f"{sources.__name__}.{name}") for name in names}
    return {name: module.SOURCE for name, module in modules.items() if hasattr(module, "SOURCE")}


def kinds() -> tuple[str, ...]:
    """Return the names of all kinds of sources."""
    return tuple(_sources())


def source(kind: str) -> Source:
    """Return the source of this kind. Raises: ValueError: for an unknown one."""
    if kind not in kinds():
        allowed = ", ".join(kinds())
        raise ValueError(_("kind={kind} is not known; allowed: one of {allowed}.", kind=kind[:40], allowed=allowed))
    return _sources()[kind]


def read(path: Path, kind: str = "") -> Raw:
    """Return the content of `path`, read as `kind`, or without one as the first kind that fits.

    Raises: ValueError: in a sentence, where it is missing, too large, broken or of no known kind.
    """
    if not path.exists():
        raise ValueError(_("{path} is not there: name a file or folder that is.", path=path))
    if not (path.is_dir() or path.is_file()):
        raise ValueError(_("{path} is neither a file nor a folder: name one that is.", path=path))
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        size = path.stat().st_size
        raise ValueError(
            _(
                "{path} has {size:,} bytes; up to {most:,} are read: take a part of it.",
                path=path,
                size=size,
                most=MAX_BYTES,
            )
        )
    try:
        chosen = kind or next((name for name in kinds() if source(name).fits(path)), "")
        if not chosen:
            raise ValueError(_unknown(path))
        return source(chosen).read(path)
    except OSError as problem:
        reason = problem.strerror or problem
        raise ValueError(_("{path} cannot be read ({reason}).", path=path, reason=reason)) from problem


def _unknown(path: Path) -> str:
    start = begins(path)
    if not start and path.is_file():
        return _("{path} is empty.", path=path)
    for pattern, sentence in _KNOWN:
        if re.match(pattern, start):
            return sentence.format(path=path)
    titles = ", ".join(source(kind).title for kind in kinds())
    return _("{path} is nothing that can be read; there are: {titles}.", path=path, titles=titles)
