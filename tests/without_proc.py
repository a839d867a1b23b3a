"""Imported, takes /proc and /sys away from all code of ours in this process, as where there is no Linux.

Libraries keep them: on Linux psutil reads there what it asks other systems for.
"""

import os
import sys
from pathlib import Path
from types import FrameType

import psutil

LIBRARIES = str(Path(psutil.__file__).parent.parent)


def _hidden(event: str, arguments: tuple[object, ...]) -> None:
    if event not in ("open", "os.listdir", "os.scandir") or not isinstance(arguments[0], str | bytes):
        return
    path = os.path.realpath(os.fsdecode(arguments[0]))
    if f"{path}/".startswith(("/proc/", "/sys/")) and not _library_asks():
        raise FileNotFoundError(f"{path} is not there: this is no Linux.")


def _library_asks() -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(LIBRARIES):
            return True
        frame = frame.f_back
    return False


sys.addaudithook(_hidden)
