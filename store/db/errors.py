"""What goes wrong with the store's files, each in a sentence with a next step."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb


class StoreError(Exception):
    """What the store cannot do: a sentence and a next step."""


class NoRoom(StoreError):
    """The disk is full: a worker waits for space."""


ELSEWHERE = "set SCALESCOPE_HOME to another folder"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where there is no room."""
ROOM = 2**18
"""Bytes below which a disk counts as full: a commit may take more."""
_FULL = "The disk that holds {folder} is full: nothing was lost; free some space and try again."
_BROKEN = (
    "The disk that holds {folder} reports an error ({text}): what was finished before is kept; try again, and if it "
    f"stays, look after the disk, or {ELSEWHERE}."
)
_UNWRITABLE = f"Scalescope may not write to {{folder}}: make the folder writable, or {ELSEWHERE}."
_LOCKED_FILE = f"Scalescope may not write to {{file}}: make the file writable (chmod u+w {{file}}), or {ELSEWHERE}."
_GONE = "{path} is gone: start Scalescope again, and it is made anew."
_IN_THE_WAY = f"{{path}} cannot be used ({{text}}): move aside what has this name, or {ELSEWHERE}."
_NOT_OURS = f"{{file}} is not a DuckDB database: move it aside, or {ELSEWHERE}."
_ASIDE = "move it aside (mv {file} {file}.old) and start again; missing runs train anew"
_BY_ERRNO = {
    **dict.fromkeys(FULL, _FULL),
    errno.EIO: _BROKEN,
    errno.EACCES: _UNWRITABLE,
    errno.EPERM: _UNWRITABLE,
    errno.EROFS: _UNWRITABLE,
    errno.ENOENT: _GONE,
}
# DuckDB tells its failures apart by their text alone; the first match holds.
_BY_TEXT = (
    ("No space left", _FULL),
    ("File too large", _FULL),
    ("Disk quota", _FULL),
    ("Input/output error", _BROKEN),
    ("fsync failed", _BROKEN),
    ("set lock", "Another program has {file} open: close it there; to read it beside Scalescope, open it "
     "read-only (duckdb -readonly) and for one question at a time."),
    ("Permission denied", _UNWRITABLE),
    ("Read-only file system", _UNWRITABLE),
    ("Corrupt database", f"The store {{file}} is damaged: {_ASIDE}."),
    ("WAL", "The last changes to the store, {file}.wal, are damaged: move them aside "
     "(mv {file}.wal {file}.wal.old) and start again; runs that only stood there train anew."),
    ("version number", "{file} was written by a newer DuckDB than the one installed: "
     f"run pip install -r requirements.txt, or {ELSEWHERE}."),
    ("not a valid DuckDB", _NOT_OURS),
    ("external extensions", _NOT_OURS),  # it would need one to read a SQLite file
    ("not read enough", f"The store {{file}} is cut short: {_ASIDE}."),
)  # fmt: skip
_OTHER = f"The store {{file}} cannot be used ({{text}}): {_ASIDE}, or {ELSEWHERE}."


def not_a_database(file: Path) -> StoreError:
    """Return the error for a file that DuckDB did not write."""
    return StoreError(_NOT_OURS.format(file=file))


@contextmanager
def in_words(file: Path) -> Iterator[None]:
    """Turn what DuckDB and the system raise about `file` into a StoreError."""
    try:
        yield
    except OSError as error:
        found = _BY_ERRNO.get(error.errno or 0, _IN_THE_WAY)
        path = error.filename or file.parent
        raise _kind(found)(found.format(path=path, folder=file.parent, text=error.strerror)) from error
    except duckdb.ProgrammingError:
        raise  # a mistake of ours, not of the file
    except duckdb.InterruptException as stopped:  # Ctrl-C in the middle of a query
        raise KeyboardInterrupt from stopped
    except duckdb.Error as error:
        found = next((words for part, words in _BY_TEXT if part in str(error)), _OTHER)
        ours = os.access in os.supports_effective_ids  # who we act as, where the system can say
        if found is _UNWRITABLE and file.exists() and not os.access(file, os.W_OK, effective_ids=ours):
            found = _LOCKED_FILE
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise _kind(found)(found.format(file=file, folder=file.parent, text=text)) from error


def full(folder: Path) -> str:
    """Return in words that the disk which holds `folder` is full; "" where it is not."""
    space = os.statvfs(folder)
    return _FULL.format(folder=folder) if space.f_bavail * space.f_frsize < ROOM else ""


def _kind(words: str) -> type[StoreError]:
    return NoRoom if words is _FULL else StoreError
