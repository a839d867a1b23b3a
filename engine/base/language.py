"""Marks the text that users see, and translates it: each text once, with named values, in English where it is written.

A language is a catalogue of messages, made from the marked texts by `make messages`. It is chosen for a whole process
by SCALESCOPE_LANGUAGE, before anything else is imported: texts of settings and presets are translated as they load.
SCALESCOPE_LOCALE names another folder of catalogues, e.g. to try one that is being written.
"""

import gettext
import os
import struct
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("SCALESCOPE_LOCALE") or Path(__file__).parents[2] / "locale")
"""Folder of the catalogues <language>/LC_MESSAGES/scalescope.mo."""


def _chosen() -> gettext.NullTranslations:
    language = os.environ.get("SCALESCOPE_LANGUAGE")
    if not language:
        return _ENGLISH
    try:
        return gettext.translation("scalescope", FOLDER, [language], fallback=True)
    except (OSError, UnicodeError, ValueError, struct.error) as broken:  # English is better than nothing
        print(f"warning: the catalogue of SCALESCOPE_LANGUAGE={language} cannot be read: {broken}.", file=sys.stderr)
        return _ENGLISH


_ENGLISH = gettext.NullTranslations()
_catalogue = _chosen()


def _(text: str, /, **values: Any) -> str:
    """Return `text` in the chosen language, with each {name} in it replaced by the value of that name.

    `text` is a literal: catalogues are made from the source. Format specifications hold: {count:,}. Without values,
    braces stand for themselves.
    """
    found = _catalogue.gettext(text)
    if not values:
        return found
    try:
        return found.format(**values)
    except (LookupError, ValueError):  # the translation names a value that the text does not have
        return text.format(**values)


def _n(one: str, many: str, n: int, /, **values: Any) -> str:
    """Return the text for `n` things, as `_` does; both texts may say {n}. A language may have more forms than two."""
    try:
        return _catalogue.ngettext(one, many, n).format(n=n, **values)
    except (LookupError, ValueError):
        return (one if n == 1 else many).format(n=n, **values)


def inside(label: str) -> str:
    """Return a label as it stands inside a sentence: small in English; as its catalogue has it in another language."""
    return label.lower() if _english() else label


def begun_small(label: str) -> str:
    """Return a label as `inside` does, but with its first letter alone made small."""
    return label[:1].lower() + label[1:] if _english() else label


def _english() -> bool:
    return type(_catalogue) is gettext.NullTranslations
