"""What goes wrong with the store's files, each in a sentence with a next step."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.base.language import _


class StoreError(Exception):
    """What the store cannot do: a sentence and a next step."""


class NoRoom(StoreError):
    """The disk is full: a worker waits for space."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where there is no room."""
ROOM = 2**18
"""Bytes below which a disk counts as full: a commit may take more."""


@dataclass(frozen=True)
class _Problem:
    """A kind of failure: its sentence, with the names {file}, {folder}, {path} and {text}, and its error."""

    sentence: str
    error: type[StoreError] = StoreError

    def made(self, **values: object) -> StoreError:
        """Return the error with its sentence filled in."""
        return self.error(self.sentence.format(**values))


_FULL = _Problem(_("The disk that holds {folder} is full: nothing was lost; free some space and try again."), NoRoom)
_BROKEN = _Problem(
    _(
        "The disk that holds {folder} reports an error ({text}): what was finished before is kept; try again, and if "
        "it stays, look after the disk, or set SCALESCOPE_HOME to another folder."
    )
)
_UNWRITABLE = _Problem(
    _("Scalescope may not write to {folder}: make the folder writable, or set SCALESCOPE_HOME to another folder.")
)
_LOCKED_FILE = _Problem(
    _(
        "Scalescope may not write to {file}: make the file writable (chmod u+w {file}), or set SCALESCOPE_HOME to "
        "another folder."
    )
)
_GONE = _Problem(_("{path} is gone: start Scalescope again, and it is made anew."))
_IN_THE_WAY = _Problem(
    _("{path} cannot be used ({text}): move aside what has this name, or set SCALESCOPE_HOME to another folder.")
)
_NOT_A_DATABASE = _Problem(
    _("{file} is not a DuckDB database: move it aside, or set SCALESCOPE_HOME to another folder.")
)
_OPEN_ELSEWHERE = _Problem(
    _(
        "Another program has {file} open: close it there; to read it beside Scalescope, open it read-only "
        "(duckdb -readonly) and for one question at a time."
    )
)
_DAMAGED = _Problem(
    _("The store {file} is damaged: move it aside (mv {file} {file}.old) and start again; missing runs train anew.")
)
_LOG_DAMAGED = _Problem(
    _(
        "The last changes to the store, {file}.wal, are damaged: move them aside (mv {file}.wal {file}.wal.old) and "
        "start again; runs that only stood there train anew."
    )
)
_NEWER = _Problem(
    _(
        "{file} was written by a newer DuckDB than the one installed: run pip install -r requirements.txt, or set "
        "SCALESCOPE_HOME to another folder."
    )
)
_CUT_SHORT = _Problem(
    _("The store {file} is cut short: move it aside (mv {file} {file}.old) and start again; missing runs train anew.")
)
_OTHER = _Problem(
    _(
        "The store {file} cannot be used ({text}): move it aside (mv {file} {file}.old) and start again; missing runs "
        "train anew, or set SCALESCOPE_HOME to another folder."
    )
)
_BY_ERRNO = {
    **dict.fromkeys(FULL, _FULL),
    errno.EIO: _BROKEN,
    errno.EACCES: _UNWRITABLE,
    errno.EPERM: _UNWRITABLE,
    errno.EROFS: _UNWRITABLE,
    errno.ENOENT: _GONE,
}
_BY_TEXT = (
    ("No space left", _FULL),
    ("File too large", _FULL),
    ("Disk quota", _FULL),
    ("Input/output error", _BROKEN),
    ("fsync failed", _BROKEN),
    ("set lock", _OPEN_ELSEWHERE),
    ("Permission denied", _UNWRITABLE),
    ("Read-only file system", _UNWRITABLE),
    ("Corrupt database", _DAMAGED),
    ("WAL", _LOG_DAMAGED),
    ("version number", _NEWER),
    ("not a valid DuckDB", _NOT_A_DATABASE),
    ("external extensions", _NOT_A_DATABASE),  # it would need one to read a SQLite file
    ("not read enough", _CUT_SHORT),
)
"""DuckDB tells its failures apart by their text alone; the first match holds."""


def not_a_database(file: Path) -> StoreError:
    """Return the error for a file that DuckDB did not write."""
    return _NOT_A_DATABASE.made(file=file)


@contextmanager
def in_words(file: Path) -> Iterator[None]:
    """Turn what DuckDB and the system raise about `file` into a StoreError."""
    try:
        yield
    except OSError as error:
        problem = _BY_ERRNO.get(error.errno or 0, _IN_THE_WAY)
        path = error.filename or file.parent
        raise problem.made(path=path, file=file, folder=file.parent, text=error.strerror) from error
    except Exception as error:
        import duckdb  # here: a command line that only prints its help does not wait for it

        if _is_ctrl_c(error):
            raise KeyboardInterrupt from error
        if not isinstance(error, duckdb.Error) or isinstance(error, duckdb.ProgrammingError):
            raise  # a mistake of ours, not of the file
        raise _problem(str(error), file).made(file=file, folder=file.parent, text=first_line(error)) from error


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn what DuckDB raises on Ctrl-C into KeyboardInterrupt; `in_words` does it as well."""
    try:
        yield
    except Exception as error:
        if _is_ctrl_c(error):
            raise KeyboardInterrupt from error
        raise


def full(folder: Path) -> str:
    """Return in words that the disk which holds `folder` is full; "" where it is not."""
    space = os.statvfs(folder)
    return str(_FULL.made(folder=folder)) if space.f_bavail * space.f_frsize < ROOM else ""


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or the name of its kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _is_ctrl_c(error: Exception) -> bool:
    """Whether DuckDB means Ctrl-C: it takes the signal from Python, and raises one of these three errors instead."""
    import duckdb

    if type(error) is RuntimeError:
        return str(error) == "Query interrupted"  # while a query runs
    if isinstance(error, duckdb.InterruptException):
        return True
    return isinstance(error, duckdb.Error) and "KeyboardInterrupt" in str(error)  # while it reads a table of Arrow's


def _problem(text: str, file: Path) -> _Problem:
    """Return which failure DuckDB means by `text`."""
    found = next((problem for part, problem in _BY_TEXT if part in text), _OTHER)
    ours = os.access in os.supports_effective_ids  # who we act as, where the system can say
    if found is _UNWRITABLE and file.exists() and not os.access(file, os.W_OK, effective_ids=ours):
        return _LOCKED_FILE
    return found
