"""A language that stands in for any other: each marked text in ⟦brackets⟧, so words outside them are not marked."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from engine.spec import registry
from engine.spec.result import METRICS
from engine.spec.sweep import knobs_for

ROOT = Path(__file__).parent.parent
LANGUAGE = "xx"
TITLES = sorted((registry.preset(name).title for name in registry.names("presets")), key=len, reverse=True)
"""What the sweeps of the gallery are called in every language: a name is data."""


def environment(texts: Iterable[tuple[str, ...]], folder: Path) -> dict[str, str]:
    """Write the catalogue of `texts`, each itself or its form for one thing and for many; return what chooses it."""
    catalog = Catalog()
    for text in texts:
        bracketed = tuple(f"⟦{form}⟧" for form in text)
        catalog.add(text if len(text) > 1 else text[0], bracketed if len(text) > 1 else bracketed[0])
    path = folder / LANGUAGE / "LC_MESSAGES" / "scalescope.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalog)
    home = {"SCALESCOPE_HOME": str(folder / "home"), "COLUMNS": "10000"}
    return os.environ | home | {"SCALESCOPE_LOCALE": str(folder), "SCALESCOPE_LANGUAGE": LANGUAGE}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what `python -m …` gives in that language."""
    command = [sys.executable, "-W", "ignore", "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def unmarked(text: str, allowed: frozenset[str]) -> list[str]:
    """Return the words of `text` outside brackets, but for `allowed` ones, names of shipped sweeps and markup."""
    text = text.replace("\\", "")
    for title in TITLES:
        text = text.replace(title, " ")
    outside, depth = [], 0
    for part in re.split("([⟦⟧])", text):
        depth += {"⟦": 1, "⟧": -1}.get(part, 0)
        outside.append(part if depth == 0 and part != "⟧" else " ")
    plain = re.sub(
        r"%\{[^}]*\}|</?\w+/?>|:material/\w+:|:\w+-badge|`[^`]*`|https?:\S+|scalescope[\w-]*", " ", "".join(outside)
    )
    words = re.findall(r"[\w.–-]*[^\W\d_]{2,}[\w.–-]*", plain)
    known = r"[\d.–-]+\w|\w*_\w*"  # 310–38.4k, and names as code has them
    return [word for word in words if word.strip(".–-") not in allowed and not re.fullmatch(known, word)]


def names() -> frozenset[str]:
    """Return the words that are the same in every language: names in specs, links, tables and on the command line."""
    kinds = {name for kind in ("archs", "datasets", "presets") for name in registry.names(kind)}
    every = knobs_for({"arch": registry.names("archs"), "dataset": registry.names("datasets")})
    choices = {choice for knob in every.values() for choice in knob.choices()}
    return frozenset({*kinds, *(kind.upper() for kind in kinds), *every, *choices, *METRICS, "alpha", "beta"})
