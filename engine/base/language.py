"""Marks the text that users see, and translates it: each text once, with named values, in English where it is written.

A language is a catalogue of messages, made from the marked texts by `make messages`. It is chosen for a whole process
by SCALESCOPE_LANGUAGE, before anything else is imported: texts of settings and presets are translated as they load.
SCALESCOPE_LOCALE names another folder of catalogues, e.g. to try one that is being written.
"""

import gettext
import os
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("SCALESCOPE_LOCALE") or Path(__file__).parents[2] / "locale")
"""Folder of the catalogues <language>/LC_MESSAGES/scalescope.mo."""


def _chosen() -> gettext.NullTranslations:
    language = os.environ.get("SCALESCOPE_LANGUAGE")
    return gettext.translation("scalescope", FOLDER, [language], fallback=True) if language else _ENGLISH


_ENGLISH = gettext.NullTranslations()
_catalogue = _chosen()


def _(text: str, /, **values: Any) -> str:
    """Return `text` in the chosen language, with each {name} in it replaced by the value of that name.

    `text` is a literal: catalogues are made from the source. Format specifications hold: {count:,}. Without values,
    braces stand for themselves.
    """
    found = _catalogue.gettext(text)
    return found.format(**values) if values else found


def _n(one: str, many: str, n: int, /, **values: Any) -> str:
    """Return the text for `n` things, as `_` does; both texts may say {n}. A language may have more forms than two."""
    return _catalogue.ngettext(one, many, n).format(n=n, **values)
